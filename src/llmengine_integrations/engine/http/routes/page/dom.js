/** Small helpers for the document. Text goes in as text nodes only: the page's policy forbids markup from strings. */

/** The element of an id. */
export const byId = (id) => document.getElementById(id);

/** A new element with properties (or attributes, where there is no such property) and children. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Say something in a note that screen readers announce. Errors say so by their colour, too. */
export function say(note, text = "", { error = false } = {}) {
  note.classList.toggle("error", error);
  if (note.textContent !== text) note.textContent = text;
}

/**
 * Make a list show items: elements of items that stay are kept, with their focus, and those of others come and go.
 *
 * `make(item)` gives a new element, `update(element, item)` brings one up to date.
 */
export function showItems(list, items, key, make, update) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let place = list.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const child = old.get(name) ?? make(item);
    child.dataset.key = name;
    old.delete(name);
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else list.insertBefore(child, place);
  }
  for (const child of old.values()) child.remove();
}

/** Make a select offer values with labels, keeping what is chosen as long as it is there. */
export function showChoices(select, choices) {
  const same = select.options.length === choices.length && choices.every(([value, label], index) => {
    const option = select.options[index];
    return option.value === value && option.text === label;
  });
  if (same) return;
  const chosen = select.value;
  select.replaceChildren(...choices.map(([value, label]) => new Option(label, value)));
  if (choices.some(([value]) => value === chosen)) select.value = chosen;
}

/** Ask before something that cannot be undone; resolves to whether to do it. */
export function confirmed(question, yes) {
  const dialog = byId("confirm-dialog");
  byId("confirm-question").textContent = question;
  byId("confirm-yes").textContent = yes;
  byId("confirm-yes").onclick = () => dialog.close("yes");
  byId("confirm-no").onclick = () => dialog.close("no");
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
