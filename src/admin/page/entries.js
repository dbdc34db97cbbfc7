// The view of the cache's entries: search, sort, pages, drop. The server sorts, filters and pages; this view only asks.
// A page that follows is named by the server's token, so the way back is the list of tokens that led here.
import { call_json, entry_address } from "./api.js";
import { ask, by_id, element, explain, set_text, toast } from "./dom.js";
import { age, bytes, duration, si, whole } from "./format.js";
import { put_overlay } from "./overlay.js";

const page_size = 100;
const typing_ms = 250;

export class Entries {
  #sort = "-hits";
  #trail = [];          // tokens of the pages that led here; empty on the first
  #next = null;
  #site = "";
  #asked = 0;           // only the newest answer is shown
  #seen = false;
  #typing = 0;          // the timer of a search that waits for the next letter

  constructor() {
    this.form = by_id("search");
    this.site = this.form.elements.site;
    this.query = this.form.elements.q;
    this.query.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#first(), typing_ms);
    });
    this.site.addEventListener("change", () => { this.#site = this.site.value; this.#first(); });
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.load(); });
    for (const head of document.querySelectorAll("th[data-sort]"))
      head.firstElementChild.addEventListener("click", () => this.#sort_by(head.dataset.sort));
    by_id("pager").addEventListener("click", ({ target }) => {
      if (target.name === "next") this.#trail.push(this.#next);
      else if (target.name === "previous") this.#trail.pop();
      else return;
      this.load(true);
    });
    by_id("drop-many").addEventListener("click", () => this.#drop_many());
    by_id("upload").addEventListener("click", () => this.#overlay({ path: "", type: "" }));
    this.#mark_sort();
  }

  show() {
    if (!this.#seen) this.load();
    this.#seen = true;
  }

  #first() { this.#trail = []; this.load(); }

  // Text is sorted upwards first, numbers downwards: the largest is what people look for.
  #sort_by(name) {
    const usual = name === "path" ? name : `-${name}`;
    this.#sort = this.#sort === usual ? (name === "path" ? `-${name}` : name) : usual;
    this.#mark_sort();
    this.#first();
  }

  #mark_sort() {
    for (const head of document.querySelectorAll("th[data-sort]")) {
      const { sort } = head.dataset;
      if (this.#sort === sort) head.setAttribute("aria-sort", "ascending");
      else if (this.#sort === `-${sort}`) head.setAttribute("aria-sort", "descending");
      else head.removeAttribute("aria-sort");
    }
  }

  // What is typed is the beginning of a path where it begins with a slash, else a part of one.
  #address() {
    const typed = this.query.value.trim();
    const query = new URLSearchParams({ sort: this.#sort, limit: page_size });
    if (this.#site) query.set("site", this.#site);
    if (typed !== "") query.set(typed.startsWith("/") ? "prefix" : "q", typed);
    if (this.#trail.length > 0) query.set("after", this.#trail.at(-1));
    return `cache?${query}`;
  }

  async load(scrolls = false) {
    clearTimeout(this.#typing);
    const asked = ++this.#asked;
    const sheet = by_id("sheet");
    sheet.setAttribute("aria-busy", "true");
    try {
      const answer = await call_json(this.#address());
      if (asked !== this.#asked) return;
      this.#show(answer);
      if (scrolls) this.form.scrollIntoView({ block: "start" });
    } catch (error) {
      if (asked === this.#asked) this.#show_failure(error);
    } finally {
      if (asked === this.#asked) sheet.removeAttribute("aria-busy");
    }
  }

  #show({ site, sites = [], total, entries, next }) {
    this.#site = site;
    this.#next = next;
    this.#show_sites(sites, site);
    by_id("rows").replaceChildren(...entries.map((entry) => this.#row(entry)));
    by_id("sheet").querySelector("table").hidden = entries.length === 0;
    const first = this.#trail.length * page_size + 1;
    const range = entries.length === 0 ? "" : `${whole(first)}–${whole(first + entries.length - 1)} of `;
    set_text(by_id("count"), `${range}${whole(total)} ${total === 1 ? "entry" : "entries"}`);
    const searched = this.query.value.trim() !== "";
    this.#show_none(entries.length > 0 ? ""
      : searched ? "No entry’s path matches."
      : "Nothing is cached yet. Entries appear as soon as files are asked for.");
    this.#show_pager();
  }

  #show_failure(error) {
    by_id("rows").replaceChildren();
    by_id("sheet").querySelector("table").hidden = true;
    set_text(by_id("count"), "");
    this.#next = null;
    const text = error.name === "Declined" ? "The list of entries needs the token. Refresh to enter it."
      : error.name === "Unreachable" ? "Nothing answers. Refresh to try again." : explain(error);
    this.#show_none(text);
    this.#show_pager();
    this.#seen = false;
  }

  #show_none(text) {
    set_text(by_id("no-rows"), text);
    by_id("no-rows").hidden = text === "";
  }

  #show_sites(sites, site) {
    const known = Array.from(this.site.options, ({ value }) => value);
    if (known.join("\n") !== sites.join("\n"))
      this.site.replaceChildren(...sites.map((name) => element("option", { value: name }, name)));
    this.site.value = site;
    this.site.closest("label").hidden = sites.length < 2;
  }

  #show_pager() {
    const pager = by_id("pager");
    pager.hidden = this.#trail.length === 0 && this.#next === null;
    pager.querySelector("[name=previous]").disabled = this.#trail.length === 0;
    pager.querySelector("[name=next]").disabled = this.#next === null;
    set_text(pager.querySelector("span"), `Page ${this.#trail.length + 1}`);
  }

  #row(entry) {
    const is_overlay = entry.state === "overlay";
    const cell = (label, text, more = {}) => element("td", { "data-label": label, ...more }, text);
    const chips = (entry.copies ?? []).map(({ encoding, size }) =>
      element("span", { class: "chip" }, `${encoding} ${bytes(size)}`));
    const state = element("span", { class: `chip ${entry.state}` }, entry.state);
    const act = (text, name, click) =>
      element("button", { type: "button", "aria-label": `${name} ${entry.path}`, on: { click } }, text);
    // bdi: a name written from right to left must not turn its neighbours around
    const path = element("td", { class: "path" }, element("bdi", {}, entry.path));
    const encoding = entry.encoding && entry.encoding !== "identity" ? `, ${entry.encoding}` : "";
    const type = entry.type ? entry.type.split(";")[0] + encoding : "–";
    return element("tr", { class: is_overlay ? "overlay" : "" }, path,
      element("td", { "data-label": "State", class: "status" }, state),
      cell("Type", type, { class: "type", title: entry.type }),
      cell("Size", bytes(entry.size), { class: "n" }),
      element("td", { "data-label": "Copies", class: "copies" }, ...(chips.length > 0 ? chips : ["–"])),
      cell("Hits", si(entry.hits), { class: "n", title: whole(entry.hits) }),
      cell("Age", age(entry.age_s), { class: "n", title: duration(entry.age_s) }),
      cell("Held", whole(entry.workers), { class: "n" }),
      element("td", { class: "acts" },
        act("Overlay", "Overlay at", () => this.#overlay(entry)),
        act(is_overlay ? "Remove" : "Drop", is_overlay ? "Remove overlay" : "Drop",
          ({ currentTarget }) => this.#drop(entry, currentTarget))));
  }

  // One entry. A dropped entry comes back from the disk by itself; an overlay does not, so that one asks twice.
  async #drop(entry, button) {
    if (entry.state === "overlay" && button.dataset.sure === undefined) {
      button.dataset.sure = "";
      button.textContent = "Really?";
      const unsure = () => { delete button.dataset.sure; button.textContent = "Remove"; };
      button.addEventListener("blur", unsure, { once: true });
      return;
    }
    button.disabled = true;
    try {
      const { dropped } = await call_json(entry_address(entry.path, this.#site), { method: "DELETE" });
      toast(dropped > 0 ? `Dropped ${entry.path}` : `${entry.path} was gone already`);
      await this.load();
    } catch (error) {
      button.disabled = false;
      if (error.name !== "Declined") toast(explain(error), "bad");
    }
  }

  async #drop_many() {
    const dialog = by_id("drop-dialog");
    const typed = this.query.value.trim();
    const { path } = dialog.querySelector("form").elements;
    path.value = typed.startsWith("/") ? typed.slice(0, typed.lastIndexOf("/") + 1) : "/";
    set_text(dialog.querySelector(".what"), "Every entry and overlay below this path is dropped. Files are read again"
      + " when they are asked for; overlays are gone.");
    const answer = await ask(dialog, async () => {
      if (!/^\/(.*\/)?$/.test(path.value)) throw new Error("The path of a directory begins and ends with a slash.");
      return call_json(entry_address(path.value, this.#site), { method: "DELETE" });
    });
    if (answer === null) return;
    toast(`Dropped ${whole(answer.dropped)} ${answer.dropped === 1 ? "entry" : "entries"}`);
    this.#first();
  }

  async #overlay(entry) {
    if (await put_overlay(entry, this.#site)) this.load();
  }
}
