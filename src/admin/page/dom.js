// Small tools to build the document. Data enters it as text nodes and attributes only, never as markup: what a path
// holds is shown, not obeyed.

const svg_space = "http://www.w3.org/2000/svg";

// Properties: `class`, `dataset`, `on` (event to listener); any other is an attribute, false and null leave it out.
function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name === "dataset") Object.assign(node.dataset, value);
    else if (value !== false && value !== null && value !== undefined)
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

export const element = (tag, properties = {}, ...children) =>
  fill(document.createElement(tag), properties, children);

export const drawing = (tag, properties = {}, ...children) =>
  fill(document.createElementNS(svg_space, tag), properties, children);

export const by_id = (id) => document.getElementById(id);

// Writes only what has changed: a text node replaced each second would lose the reader's selection.
export function set_text(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// A message at the lower edge, in place of the one before; goes away by itself, errors later, and is read out by screen
// readers.
export function toast(text, kind = "good") {
  const node = element("p", { class: kind }, text);
  by_id("toasts").replaceChildren(node);
  setTimeout(() => node.remove(), kind === "bad" ? 10_000 : 5_000);
}

// Opens a dialog; resolves with what `accept(form)` gives, or null where the person leaves it. What accept throws is
// shown in the dialog, which stays open.
export function ask(dialog, accept) {
  const form = dialog.querySelector("form");
  const wrong = dialog.querySelector(".wrong");
  const submit = dialog.querySelector("[type=submit]");
  const say = (text) => { wrong.textContent = text; wrong.hidden = text === ""; };
  return new Promise((resolve) => {
    let result = null;
    const over = new AbortController();
    const { signal } = over;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (submit.disabled) return;
      say("");
      submit.disabled = true;
      try {
        result = await accept(form);
        dialog.close();
      } catch (error) {
        if (error.name !== "Declined") say(explain(error));
      } finally {
        submit.disabled = false;
      }
    }, { signal });
    dialog.querySelector("[value=cancel]").addEventListener("click", () => dialog.close(), { signal });
    dialog.addEventListener("close", () => { over.abort(); resolve(result); }, { signal });
    say("");
    dialog.showModal();
  });
}

// One sentence for a person, of anything that was thrown.
export function explain(error) {
  const text = error.message || String(error);
  if (!error.hint) return text;
  return /[.!?:]$/.test(text) ? `${text} ${error.hint}` : `${text}: ${error.hint}`;
}
