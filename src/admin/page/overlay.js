// The dialog that puts an overlay: a file or a text, its path, type and caching, sent as it is by PUT.
import { call_json, entry_address } from "./api.js";
import { ask, by_id, toast } from "./dom.js";
import { bytes } from "./format.js";

const printable = /^[\x20-\x7e]*$/;

// What a field line may hold; anything else would be refused by fetch with words for programmers.
function field(input, name) {
  const text = input.value.trim();
  if (!printable.test(text)) throw new Error(`${name} can hold ASCII characters only.`);
  return text;
}

let is_wired = false;

function wire(form) {
  if (is_wired) return;
  is_wired = true;
  const { path, file, type } = form.elements;
  form.addEventListener("change", ({ target }) => {
    if (target.name === "source") show_source(form);
    if (target.name !== "file" || file.files.length === 0) return;
    const [chosen] = file.files;
    if (path.value === "" || path.value.endsWith("/")) path.value = `${path.value || "/"}${chosen.name}`;
    if (type.value === "") type.value = chosen.type.startsWith("text/") ? `${chosen.type}; charset=utf-8` : chosen.type;
  });
}

function show_source(form) {
  const is_file = form.elements.source.value === "file";
  form.querySelector(".from-file").hidden = !is_file;
  form.querySelector(".from-text").hidden = is_file;
}

async function put(form, site) {
  const { path, source, file, text, type, cache } = form.elements;
  if (!path.value.startsWith("/") || path.value.endsWith("/")) {
    throw new Error("The path begins with a slash and names a file: it does not end with one.");
  }
  if (source.value === "file" && file.files.length === 0) throw new Error("Choose a file, or give a text.");
  const body = source.value === "file" ? file.files[0] : new Blob([text.value]);
  const headers = {};
  const content_type = field(type, "Content-Type");
  const cache_control = field(cache, "Cache-Control");
  // a Blob's own type would be sent where none is named: the server knows better, by the path
  const bare = content_type === "" ? new Blob([body]) : body;
  if (content_type !== "") headers["Content-Type"] = content_type;
  if (cache_control !== "") headers["Cache-Control"] = cache_control;
  try {
    await call_json(entry_address(path.value, site), { method: "PUT", headers, body: bare });
  } catch (error) {
    if (error.name !== "Unreachable") throw error;
    throw new Error("The connection ended while it was sent: the server is gone, or this is larger than"
      + " admin.overlay_size allows.");
  }
  return { path: path.value, size: body.size };
}

// True once it is served.
export async function put_overlay(entry, site) {
  const dialog = by_id("overlay-dialog");
  const form = dialog.querySelector("form");
  wire(form);
  form.reset();
  form.elements.path.value = entry.path;
  form.elements.type.value = entry.type ?? "";
  show_source(form);
  const done = await ask(dialog, () => put(form, site));
  if (done !== null) toast(`${done.path} is now ${bytes(done.size)} of yours`);
  return done !== null;
}
