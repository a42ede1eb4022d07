/** The engine's HTTP API, with the key in every request. */

import { readEvents } from "./events.js";

const STORED = "llmengine.key";
const ANY = "status-page"; // for an engine that lets every key in: it still wants one

/** A reply that is no success, or none at all (status 0); its message is for people. */
export class EngineError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Asks the engine that served the page. `askKey(refused)` resolves to the user's key, or to null if there is none. */
export class Engine {
  #askKey;
  #asking = null;
  #declined = false;

  constructor(askKey) {
    this.#askKey = askKey;
  }

  /** The JSON of a reply. */
  async json(method, path, fields) {
    const options = fields === undefined ? {} : json(fields);
    return (await this.#request(path, { method, ...options })).json();
  }

  /** The events of a streamed reply, as they come; an error event is thrown. */
  async *events(path, fields, signal) {
    const reply = await this.#request(path, { method: "POST", signal, ...json(fields) });
    for await (const event of readEvents(reply.body)) {
      if (event.error) throw new EngineError(event.error.status_code, event.error.content.error);
      yield event;
    }
  }

  /** Upload a file; the id that it gets. */
  async upload(file) {
    const body = new FormData();
    body.append("file", file, file.name);
    return (await (await this.#request("v1/files", { method: "POST", body })).json()).id;
  }

  /** Whether the models are loaded. Needs no key. */
  async ready() {
    return (await fetch(new URL("readyz", document.baseURI), { cache: "no-store", credentials: "omit" })).ok;
  }

  /** Whether the user was asked for the key and gave none. */
  get declined() {
    return this.#declined;
  }

  /** Ask for another key. */
  async changeKey() {
    this.#declined = false;
    return this.#newKey(sessionStorage.getItem(STORED), false);
  }

  async #request(path, options) {
    for (;;) {
      const key = sessionStorage.getItem(STORED);
      const headers = { ...options.headers, authorization: `Bearer ${headerBytes(key ?? ANY)}` };
      // Without credentials: a browser that knows Basic ones must not put them in the place of the key.
      const reply = await fetch(new URL(path, document.baseURI), {
        ...options, headers, cache: "no-store", credentials: "omit",
      }).catch(unreachable);
      if (reply.ok) return reply;
      const message = await messageOf(reply);
      if (reply.status !== 401) throw new EngineError(reply.status, message);
      if (!(await this.#newKey(key, key !== null))) throw new EngineError(401, "The engine wants its key: press Key above.");
    }
  }

  /** Whether there is a key to try other than the one tried. Requests that need one at the same time ask once. */
  async #newKey(tried, refused) {
    const stored = sessionStorage.getItem(STORED);
    if (stored !== tried) return true;
    if (this.#declined) return false;
    this.#asking ??= this.#ask(refused).finally(() => { this.#asking = null; });
    return this.#asking;
  }

  async #ask(refused) {
    const key = await this.#askKey(refused);
    this.#declined = key === null;
    if (key !== null) sessionStorage.setItem(STORED, key);
    return key !== null;
  }
}

const json = (fields) => ({ body: JSON.stringify(fields), headers: { "content-type": "application/json" } });

/** A header's value is bytes, which fetch takes as characters up to 255. */
const headerBytes = (text) => String.fromCharCode(...new TextEncoder().encode(text));

/** The reason in any of the engine's error bodies. */
async function messageOf(reply) {
  const text = await reply.text();
  try {
    const { detail, error } = JSON.parse(text);
    if (Array.isArray(detail)) return detail.map(({ loc, msg }) => `${loc.slice(1).join(".")}: ${msg}`).join("; ");
    return typeof detail === "object" ? JSON.stringify(detail) : String(detail ?? error ?? text);
  } catch {
    return `The engine answered with status ${reply.status}.`;
  }
}

function unreachable(error) {
  throw error.name === "AbortError" ? error : new EngineError(0, "The engine cannot be reached.");
}
