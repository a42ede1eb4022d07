/** Server-sent events out of the body of a reply. */

const END = /\r?\n\r?\n/;

/** A reply whose end did not come. */
export class BrokenOffError extends Error {}

/** The JSON data of the events, as they come. Comments are passed over. */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(brokenOff);
      if (done) return;
      const frames = (waiting + value).split(END);
      waiting = frames.pop();
      for (const frame of frames) {
        const data = dataOf(frame);
        if (data) yield JSON.parse(data);
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function brokenOff(error) {
  throw error.name === "AbortError" ? error : new BrokenOffError("The engine broke off its reply.");
}

function dataOf(frame) {
  const lines = frame.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice("data:".length).trimStart()).join("\n");
}
