/** Starts the page, and keeps it up to date. */

import { setUpChat } from "./chat.js";
import { byId, say } from "./dom.js";
import { Engine } from "./engine.js";
import { setUpFiles } from "./files.js";
import { setUpFineTunes } from "./fine_tunes.js";
import { showModels } from "./models.js";
import { setUpPlayground } from "./playground.js";

const INTERVAL = 1500; // milliseconds between two looks at the engine

/** The key that the user types, or null. */
function askKey(refused) {
  const dialog = byId("key-dialog");
  const input = byId("key");
  let given = null;
  say(byId("key-refused"), refused ? "The engine does not let this key in." : "", { error: true });
  byId("key-cancel").onclick = () => dialog.close();
  byId("key-form").onsubmit = (event) => {
    event.preventDefault();
    given = input.value;
    dialog.close();
  };
  input.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      input.value = "";
      resolve(given);
    }, { once: true });
  });
}

function showHealth(text, kind) {
  const health = byId("health");
  if (health.textContent === text) return;
  health.textContent = text;
  health.className = `badge ${kind}`;
}

async function refreshModels(engine) {
  const { model_endpoints: endpoints } = await engine.json("GET", "v1/llm/model-endpoints");
  showModels(endpoints);
}

/** Look at everything; the parts that fail say so and do not keep the others. */
async function refresh(engine, parts) {
  try {
    const ready = await engine.ready();
    showHealth(ready ? "Ready" : "Loading", ready ? "good" : "busy");
  } catch {
    showHealth("Not reachable", "bad");
    return;
  }
  const results = await Promise.allSettled(parts.map((part) => part()));
  const failed = results.find(({ status }) => status === "rejected");
  say(byId("models-note"), failed?.reason.message, { error: true });
}

async function keepUpToDate(engine, parts) {
  for (;;) {
    if (!document.hidden && !engine.declined) await refresh(engine, parts);
    await new Promise((resolve) => { setTimeout(resolve, INTERVAL); });
  }
}

const engine = new Engine(askKey);
const parts = [() => refreshModels(engine), setUpFiles(engine), setUpFineTunes(engine)];
setUpPlayground(engine);
setUpChat(engine);
byId("address").textContent = new URL(".", document.baseURI).href.replace(/\/$/, "");
byId("change-key").addEventListener("click", async () => {
  if (await engine.changeKey()) await refresh(engine, parts);
});
keepUpToDate(engine, parts);
