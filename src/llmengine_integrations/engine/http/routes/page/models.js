/** The models: what each runs on, its other names, and its adapters. */

import { byId, element, showChoices, showItems } from "./dom.js";

const STATES = { READY: ["Ready", "good"], UPDATE_IN_PROGRESS: ["Loading", "busy"], UPDATE_FAILED: ["Failed", "bad"] };

const shown = new WeakMap(); // what each card shows, so that only news are drawn

/** Show the endpoints of a list, and offer them where a model is chosen. */
export function showModels(endpoints) {
  const bases = endpoints.filter((endpoint) => endpoint.name === endpoint.model_name);
  showItems(byId("model-list"), bases, ({ name }) => name, () => element("li", { className: "model" }), (item, base) => {
    const others = endpoints.filter((endpoint) => endpoint !== base && endpoint.model_name === base.name);
    const now = JSON.stringify([base, others]);
    if (now === shown.get(item)) return;
    shown.set(item, now);
    item.replaceChildren(...card(base, others.filter((other) => !isAdapter(other)), others.filter(isAdapter)));
  });
  const served = endpoints.filter(({ status }) => status !== "UPDATE_FAILED").map(({ name }) => [name, name]);
  for (const select of document.querySelectorAll(".model-choice")) showChoices(select, served);
  showChoices(byId("tune-model"), endpoints.filter((endpoint) => !isAdapter(endpoint)).map(({ name }) => [name, name]));
  byId("version").textContent = endpoints[0]?.inference_framework_image_tag ?? "";
}

/** A badge for a state. */
export function badge([text, kind]) {
  return element("span", { className: `badge ${kind}`, textContent: text });
}

/** Only fine-tuned models are not for every key's owner. */
const isAdapter = ({ spec }) => spec?.public_inference === false;

function card(base, aliases, adapters) {
  const facts = [
    ["Runs on", hardware(base)],
    ["Weights", base.spec?.resource_state?.memory?.replace("Mi", " MiB")],
    ["Context", base.spec?.metadata?.max_model_len && `${base.spec.metadata.max_model_len.toLocaleString("en")} tokens`],
    ["At a time", base.spec?.deployment_state?.per_worker && `${base.spec.deployment_state.per_worker} completions`],
    ["Also called", aliases.map(({ name }) => name).join(", ")],
  ].filter(([, value]) => value);
  const list = element("dl", {}, ...facts.flatMap(([name, value]) => [
    element("dt", { textContent: name }), element("dd", { textContent: value }),
  ]));
  const head = element("h3", {}, element("span", { textContent: base.name }), badge(state(base)));
  return adapters.length ? [head, list, adapterList(adapters)] : [head, list];
}

function adapterList(adapters) {
  const items = adapters.map((adapter) => {
    const item = element("li", {}, element("span", { textContent: adapter.name }), badge(state(adapter)));
    if (adapter.spec.status_reason) item.append(element("p", { className: "note error", textContent: adapter.spec.status_reason }));
    return item;
  });
  return element("div", { className: "adapters" }, element("h4", { textContent: "Adapters" }), element("ul", {}, ...items));
}

const state = ({ status }) => STATES[status] ?? [status, "busy"];

function hardware({ status, spec }) {
  const resources = spec?.resource_state;
  if (!resources || status === "UPDATE_IN_PROGRESS") return "";
  return resources.gpus ? `${resources.gpus} GPU` : `${resources.cpus} CPU cores`;
}
