// The view of the configuration in force, and the reload with all that may be wrong with the new one.
import { call_json } from "./api.js";
import { by_id, element, explain, set_text, toast } from "./dom.js";
import { duration, moment } from "./format.js";

// Where a comment begins in a line of TOML: the first "#" outside of quotes; -1: there is none.
function comment_at(line) {
  let quote = "";
  for (let at = 0; at < line.length; ++at) {
    if (quote === "" && line[at] === "#") return at;
    if (quote === '"' && line[at] === "\\") ++at;
    else if (quote === "" && (line[at] === '"' || line[at] === "'")) quote = line[at];
    else if (line[at] === quote) quote = "";
  }
  return -1;
}

// A line as nodes: table names, keys and comments stand out.
function nodes_of(line) {
  const at = comment_at(line);
  const code = at < 0 ? line : line.slice(0, at);
  const comment = at < 0 ? [] : [element("i", {}, line.slice(at))];
  if (/^\s*\[.*\]\s*$/.test(code)) return [element("b", {}, code), ...comment];
  const key = /^(\s*(?:[\w.-]+|"[^"]*")\s*)(=.*)$/s.exec(code);
  return key === null ? [code, ...comment] : [element("em", {}, key[1]), key[2], ...comment];
}

export class Settings {
  #text = "";
  #is_fresh = false;
  #asked = 0;

  constructor() {
    by_id("reload").addEventListener("click", () => this.#reload());
    by_id("copy").addEventListener("click", () => this.#copy());
  }

  show() { if (!this.#is_fresh) this.load(); }
  forget() {
    this.#is_fresh = false;
    if (!by_id("view-config").hidden) this.load();
  }

  // Once a second: what changes by itself.
  uptime({ uptime_s }) {
    const cell = by_id("config-facts").querySelector(".uptime");
    if (cell !== null) set_text(cell, duration(uptime_s));
  }

  async load() {
    const asked = ++this.#asked;
    try {
      const stats = await call_json("stats");
      if (asked !== this.#asked) return;
      this.#is_fresh = true;
      this.#show(stats);
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#is_fresh = false;
      const text = error.name === "Declined" ? "The configuration needs the token." : explain(error);
      by_id("config").replaceChildren(element("span", { class: "quiet" }, text));
    }
  }

  #show({ version, started, uptime_s, workers, config }) {
    const last = config.last_reload_time ? moment(config.last_reload_time) : "";
    const outcome = config.last_reload_successful === false ? "last failed" : "last";
    const rows = [
      ["File", config.file || "none"], ["Version", version], ["Workers", String(workers)],
      ["Started", moment(started)], ["Uptime", duration(uptime_s), "uptime"],
      ["Reloads", config.reloads > 0 && last !== "" ? `${config.reloads}, ${outcome} ${last}` : String(config.reloads)],
    ];
    by_id("config-facts").replaceChildren(...rows.map(([name, text, mark]) =>
      element("div", {}, element("dt", {}, name), element("dd", { class: mark ?? false }, text))));
    if (config.last_reload_successful === false && by_id("findings").hidden) {
      this.#show_findings("The last reload failed; what is shown here is still in force.", []);
    }
    if (config.text === this.#text) return;
    this.#text = config.text;
    by_id("config").replaceChildren(...config.text.split("\n").flatMap((line) => [...nodes_of(line), "\n"]));
  }

  #show_findings(text, errors) {
    const node = by_id("findings");
    node.hidden = text === "";
    node.replaceChildren(element("p", {}, text));
    if (errors.length > 0) node.append(element("ul", {}, ...errors.map((error) => element("li", {}, error))));
  }

  async #reload() {
    const button = by_id("reload");
    button.disabled = true;
    try {
      await call_json("reload", { method: "POST" });
      this.#show_findings("", []);
      toast("Reloaded: the new configuration is in force");
    } catch (error) {
      if (error.name === "Declined") return;
      if (error.status === 422) this.#show_findings(explain(error), error.errors);
      else toast(explain(error), "bad");
    } finally {
      button.disabled = false;
      this.load();
    }
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#text);
      toast("Copied");
    } catch {
      getSelection().selectAllChildren(by_id("config"));  // no clipboard without https: select it for the person
      toast("Selected: copy it with Ctrl+C");
    }
  }
}
