// A live graph in SVG: lines, or bands on top of each other, over the last minutes; axes with round steps, a read-out
// under the pointer or by the arrow keys. All charts share one Cursor, so a moment is read in all of them at once.
// Colours come from the style sheet (classes c0 to c7). Drawn anew each second: a few hundred points are cheap.
import { drawing, element, set_text } from "./dom.js";
import { clock, nice_axis, short } from "./format.js";
import { runs } from "./history.js";

const left = 52;      // room for the numbers of the axis
const right = 10;
const above = 10;
const below = 20;     // room for the times
const thinnest = 0.8; // px; a band below this is not drawn: its edge alone would look like more than it is

// The moment that is read, in ms of the server's time; null: the newest.
export class Cursor {
  time = null;
  #listeners = [];
  watch(listener) { this.#listeners.push(listener); }
  move(time) {
    if (time === this.time) return;
    this.time = time;
    for (const listener of this.#listeners) listener();
  }
}

const path_through = (points) =>
  points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

// Half-open ranges of points where a band is thick enough to be drawn, with a neighbour on either side.
function thick_parts(upper, lower) {
  const parts = [];
  upper.forEach(([, y], at) => {
    if (lower[at][1] - y < thinnest) return;
    const first = Math.max(0, at - 1);
    const last = Math.min(upper.length, at + 2);
    if (parts.length > 0 && first <= parts.at(-1)[1]) parts.at(-1)[1] = last;
    else parts.push([first, last]);
  });
  return parts;
}

export class Chart {
  #width = 0;
  #height = 0;
  #shown = [];        // samples within the window
  #x = () => 0;
  #y = () => 0;

  // spec: label; series [{ name, get(sample), colour, format, drawn: false where only the legend has it }];
  // format(value); kind "line" (each by itself, the first filled) or "stack". Optional: tick(value), base (10 or 1024),
  // least (the axis reaches at least to this), most (and no further), log, limit(sample).
  constructor(spec, cursor, history) {
    Object.assign(this, { spec, cursor, history });
    this.tick = short(spec.tick ?? spec.format);
    this.series = spec.series.filter(({ drawn }) => drawn !== false);
    this.grid = drawing("g", { class: "grid" });
    this.plot = drawing("g", { class: "plot" });
    this.mark = drawing("g", { class: "mark" });
    this.svg = drawing("svg", { "aria-hidden": "true" }, this.grid, this.plot, this.mark);
    this.none = element("p", { class: "none" }, "Waiting for figures");
    // To a screen reader the graph is a slider over time whose value is what the moment holds.
    this.root = element("div", {
      class: "chart", tabindex: 0, role: "slider", "aria-label": `${spec.label}, history`,
      "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": "no figures yet",
      on: {
        pointermove: (event) => this.#point(event),
        pointerdown: (event) => this.#point(event),
        pointerleave: (event) => { if (event.pointerType === "mouse") cursor.move(null); },
        keydown: (event) => this.#key(event),
        blur: () => cursor.move(null),
      },
    }, this.svg, this.none);
    new ResizeObserver(([entry]) => {
      this.#width = Math.floor(entry.contentRect.width);
      this.#height = Math.floor(entry.contentRect.height);
      this.svg.setAttribute("viewBox", `0 0 ${this.#width} ${this.#height}`);
      this.draw(this.window_s ?? 120);
    }).observe(this.root);
  }

  draw(window_s) {
    this.window_s = window_s;
    const last = this.history.last;
    this.none.hidden = last !== null;
    if (this.#width < left + 40 || this.#height < 60) return;
    const end = last?.time ?? Date.now();
    const begin = end - window_s * 1000;
    this.#shown = this.history.samples.filter((sample) => sample.time >= begin);
    this.#x = (time) => left + ((time - begin) / (end - begin)) * (this.#width - left - right);
    this.#scale();
    this.#draw_times(begin, end, window_s);
    if (this.spec.kind === "stack") this.#draw_bands();
    else this.#draw_lines();
    this.draw_mark();
  }

  #total(sample) {
    if (this.spec.kind !== "stack") return Math.max(...this.series.map(({ get }) => get(sample) ?? 0));
    return this.series.reduce((sum, { get }) => sum + (get(sample) ?? 0), 0);
  }

  // The vertical axis: this.#y, and its lines and numbers.
  #scale() {
    const { spec } = this;
    const bottom = this.#height - below;
    const room = bottom - above;
    let ticks;
    if (spec.log) {
      const values = this.#shown.flatMap((sample) => this.series.map(({ get }) => get(sample))).filter((v) => v > 0);
      const low = Math.max(-6, Math.floor(Math.log10(Math.min(...values, 1e-4))));  // less than a microsecond is none
      const high = Math.max(low + 2, Math.ceil(Math.log10(Math.max(...values, 1e-3))));
      this.#y = (value) => bottom - ((Math.max(Math.log10(Math.max(value, 1e-9)), low) - low) / (high - low)) * room;
      const every = Math.ceil((high - low) / Math.max(2, room / 22));
      ticks = [];
      for (let power = low; power <= high; power += every) ticks.push(10 ** power);
    } else {
      let most = spec.least ?? 1;
      for (const sample of this.#shown) most = Math.max(most, this.#total(sample));
      const limit = spec.limit?.(this.history.last ?? {});
      if (limit > 0 && most > limit * 0.4) most = Math.max(most, limit);
      let { step, end } = nice_axis(most, Math.max(2, Math.round(room / 38)), spec.base);
      if (spec.most !== undefined) end = Math.min(end, spec.most);
      this.#y = (value) => bottom - (value / end) * room;
      ticks = [];
      for (let tick = 0; tick <= end * 1.0001; tick += step) ticks.push(tick);
    }
    this.grid.replaceChildren(...ticks.flatMap((tick) => {
      const y = this.#y(tick).toFixed(1);
      const line = drawing("line", { x1: left, x2: this.#width - right, y1: y, y2: y });
      const text = drawing("text", { x: left - 7, y, dy: "0.32em", class: "y" }, this.tick(tick));
      return [line, text];
    }));
    const limit = spec.limit?.(this.history.last ?? {});
    const at = this.#y(limit);
    if (limit > 0 && at >= above - 1)
      this.grid.append(drawing("line", { class: "limit", x1: left, x2: this.#width - right, y1: at, y2: at }));
  }

  #draw_times(begin, end, window_s) {
    const step = (window_s <= 120 ? 30 : window_s <= 300 ? 60 : 120) * 1000;
    for (let time = Math.ceil(begin / step) * step; time <= end; time += step) {
      const x = this.#x(time);
      if (x < left + 14 || x > this.#width - 18) continue;
      const label = step < 60_000 ? clock(time) : clock(time).slice(0, 5);
      this.grid.append(
        drawing("line", { class: "tick", x1: x, x2: x, y1: this.#height - below, y2: this.#height - below + 4 }),
        drawing("text", { class: "x", x, y: this.#height - 4 }, label));
    }
  }

  #draw_lines() {
    const floor = this.#height - below;
    const parts = this.series.map(({ get, colour }, index) => {
      const group = drawing("g", { class: `c${colour ?? index}` });
      // counts of what should not happen: no line along the bottom while it does not
      if (index > 0 && !this.#shown.some((sample) => get(sample) !== 0)) return group;
      for (const run of runs(this.#shown, get)) {
        const points = run.map((sample) => [this.#x(sample.time), this.#y(get(sample))]);
        if (index === 0 && !this.spec.log && points.length > 1) {
          const bottom = [[points.at(-1)[0], floor], [points[0][0], floor]];
          group.append(drawing("path", { class: "area", d: `${path_through([...points, ...bottom])}Z` }));
        }
        // a lone point has no line: a dot says that it was there
        const [[x, y]] = points;
        if (points.length === 1) group.append(drawing("circle", { cx: x, cy: y, r: 1.5 }));
        else group.append(drawing("path", { class: "line", d: path_through(points) }));
      }
      return group;
    });
    this.plot.replaceChildren(...parts.reverse());
  }

  #draw_bands() {
    const { series } = this;
    const groups = series.map(({ colour }, index) => drawing("g", { class: `c${colour ?? index}` }));
    for (const run of runs(this.#shown, () => 0)) {
      const floor = run.map(() => 0);
      series.forEach(({ get }, index) => {
        const at_floor = () => run.map(({ time }, at) => [this.#x(time), this.#y(floor[at])]);
        const lower = at_floor();
        run.forEach((sample, at) => { floor[at] += get(sample) ?? 0; });
        const upper = at_floor();
        for (const [first, last] of thick_parts(upper, lower)) {
          const edge = path_through(upper.slice(first, last));
          const back = path_through(lower.slice(first, last).reverse()).replace("M", "L");
          groups[index].append(drawing("path", { class: "band", d: `${edge}${back}Z` }),
            drawing("path", { class: "edge", d: edge }));
        }
      });
    }
    this.plot.replaceChildren(...groups);
  }

  // The line at the moment that is read, and a dot on each series.
  draw_mark() {
    const sample = this.cursor.time === null ? null : this.history.at(this.cursor.time);
    this.#say(sample ?? this.history.last);
    if (sample === null || sample.time < (this.#shown[0]?.time ?? Infinity)) return this.mark.replaceChildren();
    const x = this.#x(sample.time);
    const nodes = [drawing("line", { x1: x, x2: x, y1: above - 4, y2: this.#height - below })];
    let floor = 0;
    this.series.forEach(({ get, colour }, index) => {
      const value = get(sample);
      if (value === null || value === undefined) return;
      const is_stack = this.spec.kind === "stack";
      if (is_stack) floor += value;
      if (is_stack ? this.#y(0) - this.#y(value) < thinnest : index > 0 && value === 0) return;
      const cy = this.#y(is_stack ? floor : value);
      nodes.push(drawing("circle", { class: `c${colour ?? index}`, cx: x, cy, r: 3.5 }));
    });
    this.mark.replaceChildren(...nodes);
  }

  #say(sample) {
    const index = this.#shown.indexOf(sample);
    if (index < 0) return;
    const { root, spec } = this;
    root.setAttribute("aria-valuemax", this.#shown.length - 1);
    root.setAttribute("aria-valuenow", index);
    // only the chart that is read: a slider that talks each second would be noise
    if (document.activeElement !== root && root.dataset.said) return;
    root.dataset.said = "1";
    const values = spec.series.map(({ name, get, format }) => `${name} ${(format ?? spec.format)(get(sample))}`);
    root.setAttribute("aria-valuetext", `${clock(sample.time)}: ${values.join(", ")}`);
  }

  #point(event) {
    if (this.#shown.length === 0) return;
    const x = event.clientX - this.root.getBoundingClientRect().left;
    const share = Math.min(1, Math.max(0, (x - left) / (this.#width - left - right)));
    const time = this.history.last.time - (1 - share) * this.window_s * 1000;
    this.cursor.move(this.history.at(time)?.time ?? null);
  }

  #key(event) {
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -1e9, End: 1e9,
    };
    if (event.key === "Escape") return this.cursor.move(null);
    if (!(event.key in steps) || this.#shown.length === 0) return;
    event.preventDefault();
    const current = this.cursor.time === null ? null : this.history.at(this.cursor.time);
    const from = current === null ? this.#shown.length - 1 : this.#shown.indexOf(current);
    const to = Math.min(this.#shown.length - 1, Math.max(0, from + steps[event.key]));
    this.cursor.move(this.#shown[to].time);
  }
}

// The names of a chart's series with their values at the moment that is read.
export class Legend {
  constructor(spec) {
    this.spec = spec;
    this.values = spec.series.map(() => element("b", {}, "–"));
    this.root = element("ul", { class: spec.roomy ? "legend roomy" : "legend" },
      ...spec.series.map(({ name, colour }, index) => element("li", {},
        element("i", { class: `c${colour ?? index}` }), element("span", {}, name), this.values[index])));
  }

  draw(sample) {
    this.spec.series.forEach(({ get, format }, index) => {
      set_text(this.values[index], sample === null ? "–" : (format ?? this.spec.format)(get(sample)));
    });
  }
}
