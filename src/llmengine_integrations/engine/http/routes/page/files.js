/** The files: uploads that fine-tunes and batches read. */

import { byId, confirmed, element, say, showChoices, showItems } from "./dom.js";

export function setUpFiles(engine) {
  const note = byId("files-note");
  const input = byId("upload-file");
  const drop = document.querySelector(".drop");

  async function refresh() {
    const { files } = await engine.json("GET", "v1/files");
    const newest = files.toReversed();
    showItems(byId("file-list"), newest, ({ id }) => id, row, () => {});
    showChoices(byId("tune-file"), newest.map(({ id, filename }) => [id, filename]));
  }

  async function upload(files) {
    for (const file of files) {
      say(note, `Uploading ${file.name} …`);
      try {
        const id = await engine.upload(file);
        await refresh();
        byId("tune-file").value = id;
        say(note, `${file.name} is uploaded.`);
      } catch (error) {
        say(note, `${file.name}: ${error.message}`, { error: true });
        return;
      }
    }
  }

  async function remove(file) {
    if (!(await confirmed(`Delete ${file.filename}?`, "Delete"))) return;
    try {
      const { deleted } = await engine.json("DELETE", `v1/files/${encodeURIComponent(file.id)}`);
      await refresh();
      say(note, deleted ? `${file.filename} is deleted.` : `${file.filename} was gone already.`);
      (byId("file-list").querySelector("button") ?? input).focus();
    } catch (error) {
      say(note, error.message, { error: true });
    }
  }

  function row(file) {
    const button = element("button", { type: "button", className: "small", textContent: "Delete", ariaLabel: `Delete ${file.filename}` });
    button.addEventListener("click", () => remove(file));
    const name = element("div", {}, element("span", { className: "name", textContent: file.filename }), element("code", { textContent: file.id }));
    return element("li", {}, name, element("span", { className: "size", textContent: bytes(file.size) }), button);
  }

  input.addEventListener("change", async () => {
    await upload([...input.files]);
    input.value = "";
  });
  byId("upload").addEventListener("submit", (event) => event.preventDefault());
  for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", over);
    });
  }
  drop.addEventListener("drop", (event) => upload([...event.dataTransfer.files]));
  return refresh;
}

function bytes(count) {
  const units = ["bytes", "KB", "MB", "GB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  return `${Number((count / 1000 ** power).toPrecision(3))} ${units[power]}`;
}
