/** A completion token by token: shaded by probability, with what else each token could have been. */

import { element } from "./dom.js";

const HIDE_AFTER = 150; // milliseconds in which the pointer may move from a token to its tip

/**
 * Puts the tokens of a stream together to what can be shown: a character may take several tokens, and the engine holds text back until
 * it is whole.
 */
export class TokenReader {
  #held = [];

  /** The next thing to show for a choice of a streamed completion, or null while text is held back. Its `logProb` is null without scores. */
  read(choice) {
    const scored = choice.logprobs;
    scored?.tokens.forEach((token, index) => {
      this.#held.push({ token, logProb: scored.token_logprobs[index], alternatives: scored.top_logprobs[index] });
    });
    const finished = Boolean(choice.finish_reason);
    if (!(choice.text || (finished && this.#held.length))) return null;
    const tokens = this.#held;
    this.#held = [];
    if (!tokens.length) return { text: choice.text, shown: true, count: 1, logProb: null, alternatives: [] };
    return {
      text: choice.text || tokens.map(({ token }) => token).join(""),
      shown: Boolean(choice.text), // else it ended the completion and is no part of it
      count: tokens.length,
      logProb: tokens.reduce((sum, { logProb }) => sum + logProb, 0),
      token: tokens[0].token,
      alternatives: Object.entries(tokens[0].alternatives).sort((one, other) => other[1] - one[1]),
    };
  }
}

/** Shows tokens in `output`, and the one that is pointed at or has the focus in `tip`. */
export class TokenView {
  #output;
  #tip;
  #tokens = new Map();
  #hiding = 0;

  constructor(output, tip) {
    this.#output = output;
    this.#tip = tip;
    output.addEventListener("pointerover", (event) => this.#show(event.target.closest("[role=option]")));
    output.addEventListener("pointerout", () => this.#hideSoon());
    tip.addEventListener("pointerenter", () => clearTimeout(this.#hiding));
    tip.addEventListener("pointerleave", () => this.#hideSoon());
    output.addEventListener("focusin", (event) => this.#focused(event.target));
    output.addEventListener("focusout", () => this.#hide());
    output.addEventListener("scroll", () => this.#hide());
    output.addEventListener("keydown", (event) => this.#moved(event));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#hide());
  }

  clear() {
    this.#hide();
    this.#tokens.clear();
    this.#output.replaceChildren();
    this.#output.tabIndex = 0;
  }

  add(token) {
    const score = token.logProb === null ? "without a score" : percent(Math.exp(token.logProb));
    const child = element("span", {
      className: token.shown ? "token" : "token end",
      role: "option",
      tabIndex: -1,
      textContent: token.shown ? token.text : visible(token.text),
      ariaLabel: `${spoken(token.text)}, ${score}`,
      ariaSelected: "false",
    });
    child.style.setProperty("--unlikely", (1 - Math.exp(token.logProb)).toFixed(4));
    child.classList.toggle("break", token.shown && token.text.includes("\n"));
    this.#tokens.set(child, token);
    const below = this.#output.scrollHeight - this.#output.scrollTop - this.#output.clientHeight;
    this.#output.append(child);
    if (below < 40) this.#output.scrollTop = this.#output.scrollHeight;
  }

  #focused(target) {
    if (target === this.#output) this.#output.firstElementChild?.focus();
    else this.#show(target);
  }

  #moved(event) {
    const { children } = this.#output;
    const place = [...children].indexOf(document.activeElement);
    const places = { ArrowRight: place + 1, ArrowDown: place + 1, ArrowLeft: place - 1, ArrowUp: place - 1, Home: 0, End: children.length - 1 };
    const next = children[places[event.key]];
    if (!(event.key in places)) return;
    event.preventDefault();
    next?.focus();
  }

  #show(child) {
    if (!this.#tokens.has(child)) return;
    clearTimeout(this.#hiding);
    this.#select(child);
    this.#tip.replaceChildren(...described(this.#tokens.get(child)));
    this.#tip.hidden = false;
    place(this.#tip, child);
  }

  /** Only one token is in the tab order: the last that was looked at. */
  #select(child) {
    for (const chosen of this.#output.querySelectorAll("[aria-selected=true]")) {
      chosen.ariaSelected = "false";
      chosen.tabIndex = -1;
      chosen.removeAttribute("aria-describedby");
    }
    this.#output.tabIndex = -1;
    child.ariaSelected = "true";
    child.tabIndex = 0;
    child.setAttribute("aria-describedby", this.#tip.id);
  }

  #hideSoon() {
    clearTimeout(this.#hiding);
    this.#hiding = setTimeout(() => this.#hide(), HIDE_AFTER);
  }

  #hide() {
    clearTimeout(this.#hiding);
    this.#tip.hidden = true;
  }
}

function described(token) {
  if (token.logProb === null) return ["The engine gave no score for this text."];
  const several = token.count > 1 ? `, in ${token.count} tokens; the first could have been` : "";
  const rows = token.alternatives.map(([text, logProb]) => {
    const probability = Math.exp(logProb);
    const bar = element("span", { className: "bar", ariaHidden: "true" });
    bar.style.setProperty("--share", probability.toFixed(4));
    const row = element("li", {}, element("code", { textContent: visible(text) }), bar, percent(probability));
    row.classList.toggle("chosen", text === token.token);
    return row;
  });
  const head = element("p", {}, element("code", { textContent: visible(token.text) }), ` ${percent(Math.exp(token.logProb))}${several}`);
  return [head, element("ul", {}, ...rows)];
}

/** Beneath the token, within the width of what is around it. */
function place(tip, child) {
  const around = tip.offsetParent.getBoundingClientRect();
  const at = child.getClientRects()[0] ?? child.getBoundingClientRect();
  const left = Math.max(0, Math.min(at.left - around.left, around.width - tip.offsetWidth));
  tip.style.setProperty("left", `${left}px`);
  tip.style.setProperty("top", `${at.bottom - around.top + 2}px`);
}

const MARKS = { " ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍" };
const NAMES = { " ": "space", "\n": "line break", "\t": "tab" };

/** The text with marks for what cannot be seen. */
const visible = (text) => text.replace(/[ \n\t\r]/g, (character) => MARKS[character]);

/** The text in a form that can be read aloud. */
const spoken = (text) => NAMES[text] ?? text;

export function percent(share) {
  if (share > 0.9995) return "100 %";
  return share < 0.001 ? "under 0.1 %" : `${(share * 100).toPrecision(share < 0.1 ? 2 : 3)} %`;
}
