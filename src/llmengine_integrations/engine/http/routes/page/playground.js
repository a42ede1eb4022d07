/** The playground: a completion, streamed, token by token. */

import { byId, say } from "./dom.js";
import { percent, TokenReader, TokenView } from "./tokens.js";

const ALTERNATIVES = 5;
const EXAMPLE = "Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:";
const ENDS = { stop: "ended by itself", length: "stopped at the number of tokens" };

export function setUpPlayground(engine) {
  const form = byId("complete");
  const prompt = byId("prompt");
  const view = new TokenView(byId("completion"), byId("token-tip"));
  let running = null;
  prompt.value = EXAMPLE;

  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) {
      running.abort();
      return;
    }
    running = new AbortController();
    byId("complete-go").textContent = "Stop";
    await complete(engine, fields(), view, running.signal);
    byId("complete-go").textContent = "Complete";
    running = null;
  });
}

/** The route of v2, because its log-probs come with alternatives. */
function fields() {
  return {
    model: byId("complete-model").value,
    prompt: byId("prompt").value,
    max_tokens: byId("complete-tokens").valueAsNumber,
    temperature: byId("complete-temperature").valueAsNumber,
    logprobs: ALTERNATIVES,
    stream: true,
    stream_options: { include_usage: true },
  };
}

async function complete(engine, request, view, signal) {
  const note = byId("complete-note");
  const tally = { tokens: 0, scored: 0, logProb: 0, end: null, usage: null, begun: 0 };
  view.clear();
  say(note, "Reading the prompt …");
  try {
    await read(engine.events("v2/completions", request, signal), view, tally, note);
    say(note, summary(tally), { error: tally.end === null });
  } catch (error) {
    if (signal.aborted) say(note, `Stopped after ${tally.tokens} tokens.`);
    else say(note, error.message, { error: true });
  }
}

async function read(events, view, tally, note) {
  const reader = new TokenReader();
  for await (const { choices, usage } of events) {
    tally.usage = usage ?? tally.usage;
    for (const choice of choices) {
      if (!tally.begun) {
        tally.begun = performance.now();
        say(note, "Writing …");
      }
      tally.end = choice.finish_reason ?? tally.end;
      const token = reader.read(choice);
      if (!token) continue;
      tally.tokens += token.count;
      tally.scored += token.logProb === null ? 0 : token.count;
      tally.logProb += token.logProb ?? 0;
      view.add(token);
    }
  }
}

function summary({ tokens, scored, logProb, end, usage, begun }) {
  if (end === null) return `It broke off after ${tokens} tokens.`;
  const seconds = (performance.now() - begun) / 1000;
  const parts = [
    `${tokens} tokens, ${ENDS[end] ?? end}`,
    `${usage?.prompt_tokens ?? "?"} in the prompt`,
  ];
  if (scored) parts.push(`${percent(Math.exp(logProb / scored))} likely a token on average`);
  if (tokens > 1 && seconds > 0) parts.push(`${Math.round((tokens - 1) / seconds)} tokens a second`);
  return `${parts.join(" · ")}.`;
}
