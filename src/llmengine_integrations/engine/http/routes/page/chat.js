/** The chat: a conversation whose replies are streamed. */

import { byId, element, say } from "./dom.js";

const MOST_TOKENS = 512;

export function setUpChat(engine) {
  const form = byId("chat-form");
  const text = byId("chat-text");
  const log = byId("chat-log");
  let messages = [];
  let running = null;

  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!running) form.requestSubmit();
  });
  byId("chat-clear").addEventListener("click", () => {
    running?.abort();
    messages = [];
    log.replaceChildren();
    say(byId("chat-note"));
    text.focus();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) {
      running.abort();
      return;
    }
    const content = text.value.trim();
    if (!content) return;
    text.value = "";
    running = new AbortController();
    byId("chat-go").textContent = "Stop";
    const turn = [...messages, { role: "user", content }];
    const { signal } = running;
    const conversation = messages;
    const reply = await answer(engine, turn, log, signal);
    if (reply !== null && messages === conversation) messages = [...turn, { role: "assistant", content: reply }];
    byId("chat-go").textContent = "Send";
    running = null;
  });
}

/** Show a question and its answer as that comes; the answer, or null if there is none to go on from. */
async function answer(engine, messages, log, signal) {
  const model = byId("chat-model").value;
  const note = byId("chat-note");
  const asked = shown(log, "You", "user", messages.at(-1).content);
  const reply = shown(log, model, "assistant", "");
  const words = reply.lastElementChild;
  say(note);
  log.ariaBusy = "true"; // announced when it is whole, not word by word
  try {
    const end = await read(engine.events("v2/chat/completions", request(model, messages), signal), words, log);
    if (end === null) say(note, "The answer broke off.", { error: true });
    else if (end === "length") say(note, `The answer stopped at ${MOST_TOKENS} tokens, or where the model's context ends.`);
  } catch (error) {
    if (signal.aborted) say(note, "Stopped.");
    else say(note, error.message, { error: true });
    if (!words.textContent) {
      asked.classList.add("failed");
      reply.remove();
    }
  } finally {
    log.ariaBusy = "false";
  }
  return words.textContent || null;
}

function request(model, messages) {
  const temperature = byId("chat-temperature").valueAsNumber;
  return { model, messages, temperature, max_tokens: MOST_TOKENS, stream: true };
}

async function read(events, words, log) {
  let end = null;
  for await (const { choices } of events) {
    for (const { delta, finish_reason: finished } of choices) {
      words.append(delta.content ?? "");
      end = finished ?? end;
    }
    log.scrollTop = log.scrollHeight;
  }
  return end;
}

function shown(log, who, role, content) {
  const message = element("div", { className: role }, element("strong", { textContent: who }), element("p", { textContent: content }));
  log.append(message);
  log.scrollTop = log.scrollHeight;
  return message;
}
