// What the graphs show: for each second one flat sample, made of two sets of figures (counters become rates), kept for
// ten minutes. A sample's value is null where nothing can be said: no requests, no ratio. Figures of another process,
// or after a silence, give a gap and not a slope.

const most_samples = 600;
const longest_gap_s = 2.5;

export const phases = ["request", "queue", "open", "read", "send"];

const sum = (object) => Object.values(object ?? {}).reduce((total, value) => total + value, 0);
const per = (amount, of) => (of > 0 ? amount / of : null);

// Status codes by their first digit.
function classes(by_code) {
  const result = {};
  for (const [code, count] of Object.entries(by_code ?? {})) result[code[0]] = (result[code[0]] ?? 0) + count;
  return result;
}

// Per second, of each member of an object of counters.
function rates(now, before, interval) {
  const result = {};
  for (const [name, value] of Object.entries(now ?? {})) result[name] = (value - (before?.[name] ?? 0)) / interval;
  return result;
}

export function worker_figures(now, before, interval) {
  const more = (get) => get(now) - get(before);
  const hits = more((figures) => figures.cache.hits + figures.cache.stale);
  const misses = more((figures) => sum(figures.cache.misses));
  const requests = more((figures) => figures.requests);
  const enters = more((figures) => figures.ring.enters);
  return {
    requests: requests / interval,
    bytes: more((figures) => figures.response_bytes) / interval,
    hit_rate: per(hits, hits + misses),
    sqes_per_enter: per(more((figures) => figures.ring.sqes), enters),
    enters_per_request: per(enters, requests),
  };
}

function sample_of(now, before, interval) {
  const { total, window } = now;
  const sample = {
    ...worker_figures(total, before.total, interval),
    time: Date.parse(now.time),
    codes: rates(classes(total.by_code), classes(before.total.by_code), interval),
    memory: total.cache.bytes,
    capacity: total.cache.capacity_bytes,
    connections: total.connections,
    queue: total.disk.queue_depth,
    queue_size: total.disk.queue_size,
    rejected: (total.disk.rejected - before.total.disk.rejected) / interval,
    disk_timeouts: (total.disk.timeouts - before.total.disk.timeouts) / interval,
    misses: rates(total.cache.misses, before.total.cache.misses, interval),
    stale: (total.cache.stale - before.total.cache.stale) / interval,
    evictions: rates(total.cache.evictions, before.total.cache.evictions, interval),
    cores: (now.process.cpu_s - before.process.cpu_s) / interval,
    p50: {},
    p99: {},
  };
  for (const phase of phases) {
    const figures = window?.latency?.[phase];
    sample.p50[phase] = figures?.count > 0 ? figures.p50_s : null;
    sample.p99[phase] = figures?.count > 0 ? figures.p99_s : null;
  }
  return sample;
}

export class History {
  samples = [];
  latest = null;    // the newest figures as they came
  before = null;    // those that came before them, of the same process
  interval = 0;     // seconds between the two
  restarted = false;

  // Takes figures in; true where they gave a sample.
  add(figures) {
    this.before = this.latest;
    this.restarted = this.before !== null && this.before.started !== figures.started;
    if (this.restarted) this.before = null;
    this.latest = figures;
    this.interval = this.before === null ? 0 : figures.uptime_s - this.before.uptime_s;
    if (this.interval <= 0.05 || this.interval > longest_gap_s) {
      this.before = null;
      return false;
    }
    this.samples.push(sample_of(figures, this.before, this.interval));
    if (this.samples.length > most_samples) this.samples.shift();
    return true;
  }

  get last() { return this.samples.at(-1) ?? null; }

  // The sample nearest to a time, within 1.5 s.
  at(time) {
    let nearest = null;
    for (const sample of this.samples)
      if (nearest === null || Math.abs(sample.time - time) < Math.abs(nearest.time - time)) nearest = sample;
    return nearest !== null && Math.abs(nearest.time - time) <= 1500 ? nearest : null;
  }
}

// Runs of neighbours without a gap between them: a line is drawn through each.
export function runs(samples, value_of) {
  const result = [];
  let run = [];
  let last = -Infinity;
  for (const sample of samples) {
    const value = value_of(sample);
    const gap = sample.time - last > longest_gap_s * 1000;
    if ((value === null || value === undefined || gap) && run.length > 0) { result.push(run); run = []; }
    if (value !== null && value !== undefined) { run.push(sample); last = sample.time; }
  }
  if (run.length > 0) result.push(run);
  return result;
}
