/** The fine-tunes: create one, watch its loss, cancel it. */

import { lossCurve } from "./curve.js";
import { byId, confirmed, element, say, showItems } from "./dom.js";
import { EngineError } from "./engine.js";
import { badge } from "./models.js";

const ROUTE = "v1/llm/fine-tunes";
const STATES = {
  PENDING: ["Waiting", "busy"], RUNNING: ["Training", "busy"], SUCCESS: ["Done", "good"], FAILURE: ["Failed", "bad"],
};
const METRIC = /'(\w+)': (-?[\d.]+(?:e[+-]?\d+)?)(?=[,}])/g;
const PLAN = /: (\d+) epochs of \d+ steps/;

/** Set the section up; gives a function that brings it up to date. */
export function setUpFineTunes(engine) {
  const note = byId("tune-note");
  const told = new Map(); // the events of jobs that are over, which do not change any more

  async function refresh() {
    const { jobs } = await engine.json("GET", ROUTE);
    const tunes = jobs.filter((job) => job.fine_tuned_model !== null).toReversed(); // the list has batches, too
    const newest = tunes[0]?.id;
    showItems(byId("job-list"), tunes, ({ id }) => id, (job) => card(job, job.id === newest), showState);
    await Promise.all(tunes.map(showEvents));
  }

  async function showEvents(job) {
    const shown = byId("job-list").querySelector(`[data-key="${CSS.escape(job.id)}"] details`);
    if (!shown?.open) return;
    const over = !isActive(job);
    if (over && told.get(job.id)) return;
    const { events } = await engine.json("GET", `${ROUTE}/${encodeURIComponent(job.id)}/events`).catch(forgotten);
    told.set(job.id, over);
    draw(shown, events, job);
  }

  function card(job, open) {
    const events = element("details", { className: "events", open: job.status === "FAILURE" }, element("summary"), element("ol"));
    const details = element("details", { open }, element("summary"), element("div", { className: "course" }), events);
    details.addEventListener("toggle", () => details.open && refresh().catch(() => {}));
    return element("li", {}, details);
  }

  function showState(item, job) {
    const name = element("span", { className: "name", textContent: job.fine_tuned_model });
    item.querySelector("summary").replaceChildren(name, badge(STATES[job.status] ?? [job.status, "busy"]));
    actions(item, job);
  }

  function actions(item, job) {
    const wanted = isActive(job) ? "Cancel" : job.status === "SUCCESS" ? "Try it" : "";
    const old = item.querySelector(":scope > button");
    if ((old?.textContent ?? "") === wanted) return;
    old?.remove();
    if (!wanted) return;
    const button = element("button", { type: "button", className: "small", textContent: wanted, ariaLabel: `${wanted}: ${job.fine_tuned_model}` });
    button.addEventListener("click", () => (wanted === "Cancel" ? cancel(job) : tryOut(job)));
    item.append(button);
  }

  async function cancel(job) {
    if (!(await confirmed(`Cancel ${job.fine_tuned_model}? The engine forgets the job.`, "Cancel it"))) return;
    try {
      const { success } = await engine.json("PUT", `${ROUTE}/${encodeURIComponent(job.id)}/cancel`);
      await refresh();
      say(note, success ? `${job.fine_tuned_model} is cancelled.` : "It was over already.");
      byId("tune-go").focus();
    } catch (error) {
      say(note, error.message, { error: true });
    }
  }

  byId("tune").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await engine.json("POST", ROUTE, fields());
      await refresh();
      say(note, "The fine-tune is created.");
    } catch (error) {
      say(note, error.message, { error: true });
    }
  });
  return refresh;
}

function fields() {
  const suffix = byId("tune-suffix").value;
  return {
    model: byId("tune-model").value,
    training_file: byId("tune-file").value,
    hyperparameters: { epochs: byId("tune-epochs").valueAsNumber, lr: byId("tune-rate").valueAsNumber },
    ...(suffix && { suffix }),
  };
}

const isActive = ({ status }) => status === "PENDING" || status === "RUNNING";

/** A job may be cancelled between two requests. */
function forgotten(error) {
  if (error instanceof EngineError && error.status === 404) return { events: [] };
  throw error;
}

function tryOut(job) {
  const models = byId("complete-model");
  if (![...models.options].some(({ value }) => value === job.fine_tuned_model)) {
    say(byId("tune-note"), `${job.fine_tuned_model} is not among the models (any more).`, { error: true });
    return;
  }
  models.value = job.fine_tuned_model;
  byId("prompt").focus();
}

/** Draw what a job's events tell. A training that the engine began anew counts from there. */
function draw(details, events, job) {
  const begun = Math.max(0, events.findLastIndex(({ message }) => PLAN.test(message)));
  const course = events.slice(begun);
  const rows = course.map(({ message }) => metrics(message));
  const training = series(rows, "loss");
  const validation = series(rows, "eval_loss");
  const epochs = Number(PLAN.exec(events[begun]?.message)?.[1] ?? 0);
  const parts = [];
  if (isActive(job)) parts.push(progress(rows, course, epochs));
  if (training.length + validation.length) parts.push(legend(training, validation), lossCurve(training, validation, epochs));
  details.querySelector(".course").replaceChildren(...parts);
  listEvents(details.querySelector(".events"), events);
}

/** The numbers in an event's message, which is the text of a Python dict. */
const metrics = (message) => Object.fromEntries([...message.matchAll(METRIC)].map(([, name, value]) => [name, Number(value)]));

const series = (rows, name) => rows.filter((row) => name in row && "epoch" in row).map((row) => [row.epoch, Number(row[name].toFixed(4))]);

function progress(rows, events, epochs) {
  const done = Math.max(0, ...rows.map((row) => row.epoch ?? 0));
  const bar = element("progress", { max: epochs || 1, value: done, ariaLabel: "Progress" });
  if (!done) bar.removeAttribute("value");
  const words = done ? `epoch ${done} of ${epochs}${remaining(events, done, epochs)}` : "starting";
  return element("p", { className: "progress" }, bar, words);
}

/** How long the rest takes if it goes on like this. */
function remaining(events, done, epochs) {
  const seconds = events.at(-1).timestamp - events[0].timestamp;
  const rest = Math.round((seconds * (epochs - done)) / done);
  return rest > 0 ? `, about ${rest < 90 ? `${rest} seconds` : `${Math.round(rest / 60)} minutes`} to go` : "";
}

function legend(training, validation) {
  const items = [["training", training], ["validation", validation]].filter(([, points]) => points.length);
  const shown = items.map(([kind, points]) => element("span", { className: `key ${kind}`, textContent: `${kind} loss ${points.at(-1)[1]}` }));
  return element("p", { className: "curve-legend" }, ...shown);
}

function listEvents(details, events) {
  const list = details.querySelector("ol");
  const fresh = events.slice(list.children.length);
  list.append(...fresh.map(({ message, level }) => element("li", { className: level, textContent: message })));
  details.firstElementChild.textContent = `${events.length} events`;
}
