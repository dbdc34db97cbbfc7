// The view of live figures: the strip of facts and the panels. Draws once a second while it is seen; the history goes
// on while it is hidden or paused.
import { Chart, Cursor, Legend } from "./chart.js";
import { by_id, element, set_text } from "./dom.js";
import { bytes, clock, seconds, si, whole } from "./format.js";
import { phases } from "./history.js";
import { panels } from "./panels.js";
import { Workers } from "./workers.js";

const warning_ms = 60_000;
const number = (get) => (stats) => si(get(stats));

// Name, text, and a count that should not grow: where it does, the fact warns for a minute.
const facts = [
  ["CPU", (stats, sample) => (sample === null ? "–" : `${sample.cores.toFixed(2)} cores`)],
  ["Memory", ({ process }) => bytes(process.resident_bytes)],
  ["Open files", ({ process }) => whole(process.open_files)],
  ["Entries", ({ total }) => whole(total.cache.entries)],
  ["Aborted", number(({ total }) => total.aborted)],
  ["Timeouts", number(({ total }) => total.timeouts)],
  ["Refused", number(({ total }) => total.refused), ({ total }) => total.refused],
  ["Disk rejected", number(({ total }) => total.disk.rejected), ({ total }) => total.disk.rejected],
  ["Disk timeouts", number(({ total }) => total.disk.timeouts), ({ total }) => total.disk.timeouts],
  ["CQ overflows", number(({ total }) => total.ring.cq_overflows), ({ total }) => total.ring.cq_overflows],
  ["Log dropped", number(({ total }) => total.log.dropped), ({ total }) => total.log.dropped],
];

class Facts {
  constructor() {
    this.cells = facts.map(([name]) => {
      const value = element("dd", {}, "–");
      const row = element("div", {}, element("dt", {}, name), value);
      return { value, row, count: Infinity, grew_at: 0 };
    });
    by_id("facts").append(...this.cells.map(({ row }) => row));
  }

  draw({ latest, last }) {
    facts.forEach(([, text, count], index) => {
      const cell = this.cells[index];
      set_text(cell.value, text(latest, last));
      if (count === undefined) return;
      const now = count(latest);
      if (now > cell.count) cell.grew_at = Date.now();
      cell.count = now;
      cell.row.classList.toggle("warns", Date.now() - cell.grew_at < warning_ms);
    });
  }
}

// The latency panel's legend is a table: what the graph shows, and the whole life of the process beside it.
class PhaseTable {
  constructor(series) {
    this.cells = {};
    const head = ["p50", "p99", "p50", "p99", "p99.9", "max"];
    const body = element("tbody");
    series.forEach(({ name, colour }) => {
      this.cells[name] = head.map((_, index) => element("td", { class: index < 2 ? "now" : false }, "–"));
      body.append(element("tr", {},
        element("th", { scope: "row" }, element("i", { class: `c${colour}` }), name), ...this.cells[name]));
    });
    this.root = element("div", { class: "phases" }, element("table", {},
      element("thead", {},
        element("tr", {}, element("td"), element("th", { colspan: 2, scope: "colgroup" }, "last second"),
          element("th", { colspan: 4, scope: "colgroup" }, "since the start")),
        element("tr", {}, element("td"), ...head.map((text) => element("th", { scope: "col" }, text)))), body));
  }

  draw(sample, { total }) {
    for (const phase of phases) {
      const all = total.latency?.[phase];
      const has = all?.count > 0;
      const values = [sample?.p50[phase], sample?.p99[phase],
        ...["p50_s", "p99_s", "p999_s", "max_s"].map((name) => (has ? all[name] : null))];
      values.forEach((value, index) => set_text(this.cells[phase][index], seconds(value)));
    }
  }
}

class Panel {
  constructor(spec, cursor, history) {
    this.spec = spec;
    this.history = history;
    this.value = element("output", { class: "value", "aria-live": "off" }, "–");
    this.note = element("p", { class: "note" });
    const title = element("h2", { id: `panel-${spec.id}` }, spec.title);
    const head = element("header", {}, element("div", {}, title, this.note));
    this.root = element("article",
      { class: spec.wide ? "panel wide" : "panel", id: `p-${spec.id}`, "aria-labelledby": `panel-${spec.id}` }, head);
    if (spec.workers) {
      this.workers = new Workers();
      this.root.append(this.workers.root);
      return;
    }
    if (spec.phases) head.append(this.#quantiles());
    head.append(this.value);
    this.chart = new Chart(spec, cursor, history);
    this.legend = spec.phases ? new PhaseTable(spec.series) : new Legend(spec);
    this.root.append(element("div", { class: "body" }, this.chart.root, this.legend.root));
  }

  // Which of the two the graph of latencies draws.
  #quantiles() {
    const choose = (name) => {
      this.spec.series.forEach((series) => { series.get = (sample) => sample[name][series.name]; });
      this.spec.value = (sample) => seconds(sample[name].request);
      this.spec.note = () => `${name} of each second`;
      if (this.history.latest !== null) this.draw(this.chart.window_s, null);
    };
    const box = element("div", { class: "segments small", role: "radiogroup", "aria-label": "Quantile drawn",
      on: { change: (event) => choose(event.target.value) } });
    for (const name of ["p50", "p99"])
      box.append(element("label", {},
        element("input", { type: "radio", name: "quantile", value: name, checked: name === "p99" }),
        element("span", {}, name)));
    this.spec.note = () => "p99 of each second";
    return box;
  }

  draw(window_s, read) {
    const { latest, last } = this.history;
    if (this.spec.workers) {
      this.workers.draw(this.history);
      set_text(this.note, this.workers.note);
      return;
    }
    this.chart.draw(window_s);
    this.tell(read ?? last, latest, read !== null);
  }

  // Headline, note and legend for one moment.
  tell(sample, latest, is_read) {
    set_text(this.value, sample === null ? "–" : this.spec.value(sample));
    set_text(this.note, sample === null ? "" : is_read ? `at ${clock(sample.time)}` : this.spec.note(sample, latest));
    this.legend.draw(sample, latest);
  }
}

export class Live {
  #paused = false;
  #soon = false;
  #window_s = 120;

  constructor(history) {
    this.history = history;
    this.cursor = new Cursor();
    this.facts = new Facts();
    this.panels = panels.map((spec) => new Panel(spec, this.cursor, history));
    by_id("panels").append(...this.panels.map(({ root }) => root));
    this.cursor.watch(() => this.#read());
    by_id("range").addEventListener("change", (event) => {
      this.#window_s = Number(event.target.value);
      this.draw(true);
    });
    by_id("pause").addEventListener("click", ({ currentTarget }) => {
      this.#paused = !this.#paused;
      currentTarget.setAttribute("aria-pressed", this.#paused);
      this.draw();
    });
    document.addEventListener("visibilitychange", () => this.draw());
  }

  // The person looks at another moment: marks and values only.
  #read() {
    const { latest, last } = this.history;
    if (latest === null) return;
    const read = this.cursor.time === null ? null : this.history.at(this.cursor.time);
    for (const panel of this.panels) {
      if (panel.chart === undefined) continue;
      panel.chart.draw_mark();
      panel.tell(read ?? last, latest, read !== null);
    }
  }

  // Several sets of figures may come at once after a slow moment: they are one drawing.
  draw_soon() {
    if (this.#soon) return;
    this.#soon = true;
    setTimeout(() => { this.#soon = false; this.draw(); }, 0);
  }

  draw(anyway = false) {
    if (this.history.latest === null || document.hidden || by_id("view-live").hidden) return;
    if (this.#paused && !anyway) return;
    this.facts.draw(this.history);
    const read = this.cursor.time === null ? null : this.history.at(this.cursor.time);
    for (const panel of this.panels) panel.draw(this.#window_s, read);
  }
}
