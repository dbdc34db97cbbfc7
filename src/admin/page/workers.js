// One row a worker: is the work spread evenly? The bar compares requests of the last second; what a connection-bound
// client cannot choose (which worker got it) shows as a long bar among short ones.
import { element, set_text } from "./dom.js";
import { bytes, percent, rate, whole } from "./format.js";
import { worker_figures } from "./history.js";

const columns = ["Requests", "Connections", "Hit rate", "Cache", "Queue"];
const held = (figures) => Object.values(figures.cache.bytes).reduce((total, value) => total + value, 0);

export class Workers {
  note = "";
  #rows = [];

  constructor() {
    this.body = element("tbody");
    this.root = element("div", { class: "workers", tabindex: 0, role: "region", "aria-label": "Workers" },
      element("table", {},
        element("thead", {}, element("tr", {},
          element("th", { scope: "col" }, "#"),
          element("th", { class: "bar" }, element("span", { class: "hidden" }, "Share")),
          ...columns.map((text) => element("th", { scope: "col" }, text)))),
        this.body));
  }

  #make(count) {
    this.#rows = Array.from({ length: count }, (_, index) => {
      const fill = element("i");
      const cells = columns.map(() => element("td"));
      const root = element("tr", {}, element("th", { scope: "row" }, String(index)),
        element("td", { class: "bar", "aria-hidden": "true" }, element("span", {}, fill)), ...cells);
      return { root, fill, cells };
    });
    this.root.classList.toggle("few", count <= 5);
    this.body.replaceChildren(...this.#rows.map(({ root }) => root));
  }

  draw({ latest, before, interval }) {
    const now = latest.per_worker;
    if (now.length !== this.#rows.length) this.#make(now.length);
    const figures = now.map((worker, index) =>
      (before?.per_worker[index] ? worker_figures(worker, before.per_worker[index], interval) : null));
    const requests = figures.map((each) => each?.requests ?? 0);
    const most = Math.max(...requests, 1e-9);
    const mean = requests.reduce((total, value) => total + value, 0) / requests.length;
    now.forEach((worker, index) => {
      const { fill, cells } = this.#rows[index];
      fill.style.setProperty("width", `${((100 * requests[index]) / most).toFixed(1)}%`);
      const texts = [rate(figures[index]?.requests), whole(worker.connections.open), percent(figures[index]?.hit_rate),
        bytes(held(worker)), whole(worker.disk.queue_depth)];
      texts.forEach((text, column) => set_text(cells[column], text));
    });
    const spread = mean > 0 ? Math.max(...requests.map((value) => Math.abs(value / mean - 1))) : 0;
    this.note = now.length < 2 || mean === 0 ? `${now.length} in all`
      : `${now.length} in all, the furthest ${(spread * 100).toFixed(0)} % from the mean`;
  }
}
