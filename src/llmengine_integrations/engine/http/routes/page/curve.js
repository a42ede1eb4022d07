/** The loss of a fine-tune as a drawing. */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 560;
const HEIGHT = 220;
const LEFT = 44;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 36;

/** Training loss and validation loss, `[[epoch, loss], ...]` each, over the epochs up to the last one planned. */
export function lossCurve(training, validation, epochs) {
  const svg = node("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": inWords(training, validation), class: "curve" });
  const points = [...training, ...validation];
  const highest = niceAbove(Math.max(...points.map(([, loss]) => loss)));
  const last = Math.max(epochs, ...points.map(([epoch]) => epoch), 1);
  const x = (epoch) => LEFT + (epoch / last) * (WIDTH - LEFT - RIGHT);
  const y = (loss) => HEIGHT - BOTTOM - (loss / highest) * (HEIGHT - TOP - BOTTOM);
  svg.append(...lossAxis(highest, y), ...epochAxis(last, x));
  svg.append(line(training, x, y, "training"), line(validation, x, y, "validation"));
  svg.append(...dots(training, x, y, "training", 2), ...dots(validation, x, y, "validation", 4));
  return svg;
}

function lossAxis(highest, y) {
  return [0, 1, 2, 3, 4].flatMap((step) => {
    const loss = (highest * step) / 4;
    const text = node("text", { x: LEFT - 8, y: y(loss) + 4, class: "right" }, Number(loss.toPrecision(3)));
    return [node("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(loss), y2: y(loss), class: "grid" }), text];
  });
}

function epochAxis(last, x) {
  const step = Math.ceil(last / 10);
  const ticks = Array.from({ length: Math.floor(last / step) + 1 }, (_, index) => index * step);
  const texts = ticks.map((epoch) => node("text", { x: x(epoch), y: HEIGHT - 19, class: "middle" }, epoch));
  return [...texts, node("text", { x: WIDTH - RIGHT, y: HEIGHT - 4, class: "right" }, "epoch")];
}

function line(points, x, y, kind) {
  return node("polyline", { points: points.map(([epoch, loss]) => `${x(epoch)},${y(loss)}`).join(" "), class: `line ${kind}` });
}

function dots(points, x, y, kind, radius) {
  return points.map(([epoch, loss]) => {
    const dot = node("circle", { cx: x(epoch), cy: y(loss), r: radius, class: `dot ${kind}` });
    dot.append(node("title", {}, `${kind} loss ${loss} at epoch ${epoch}`));
    return dot;
  });
}

function inWords(training, validation) {
  const parts = [["training", training], ["validation", validation]].filter(([, points]) => points.length);
  const said = parts.map(([kind, points]) => `${kind} loss from ${points[0][1]} to ${points.at(-1)[1]}`);
  return `${said.join(", ")}, up to epoch ${Math.max(...[...training, ...validation].map(([epoch]) => epoch))}`;
}

/** The next of 1, 2, 4, 6, 8 and 10 times a power of ten. */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-6)));
  return [1, 2, 4, 6, 8, 10].find((factor) => factor * power >= value) * power;
}

function node(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
