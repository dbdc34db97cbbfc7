// Which graphs there are and what each shows: data, not code. In reading order: what clients get, why it is fast or
// slow, what it costs. The grid of four, three, two or one columns comes out even with twelve cells, wide ones two.
import { byte_rate, bytes, percent, rate, ratio, seconds, si, whole } from "./format.js";
import { phases } from "./history.js";

const sum = (object) => Object.values(object ?? {}).reduce((total, value) => total + value, 0);
const member = (group, name) => (sample) => sample[group]?.[name] ?? 0;
const members = (group, names) => names.map(([key, name, colour]) => ({ name, colour, get: member(group, key) }));
const mean_size = ({ bytes: amount, requests }) => (requests > 0 ? amount / requests : null);

const states = [["sending", "sending"], ["waiting", "waiting"], ["reading", "reading"], ["closing", "closing"],
  ["idle", "idle", 6]];
const kinds = [["content", "content"], ["compressed", "compressed", 2], ["overlay", "overlays", 1],
  ["negative", "not found", 7],
  ["files", "open files", 3], ["names", "names", 5]];
const reasons = [["capacity", "capacity", 1], ["idle", "idle", 6], ["changed", "changed", 2], ["missing", "missing", 7],
  ["watch", "watch", 0], ["replaced", "replaced", 3], ["closing", "closing", 4], ["admin", "admin", 5]];

// value(sample): the panel's headline. note(sample, figures): a few words beside it.
export const panels = [
  {
    id: "requests", title: "Requests", label: "Requests per second by status",
    kind: "stack", least: 10, format: rate, tick: si,
    value: (sample) => rate(sample.requests),
    note: (sample, { total }) => `${si(total.requests)} in all`,
    series: members("codes", [["2", "2xx", 0], ["3", "3xx", 2], ["4", "4xx", 1], ["5", "5xx", 7]]),
  },
  {
    id: "bytes", roomy: true, title: "Throughput", label: "Response bytes per second",
    kind: "line", least: 1000, format: byte_rate,
    tick: (value) => si(value, "B"),
    value: (sample) => byte_rate(sample.bytes),
    note: (sample, { total }) => `${si(total.response_bytes, "B")} in all`,
    series: [
      { name: "responses", get: (sample) => sample.bytes },
      { name: "mean size", get: mean_size, format: (value) => si(value, "B"), drawn: false },
    ],
  },
  {
    id: "hits", title: "Hit rate", label: "Hit rate of the cache", kind: "line", least: 1, most: 1, format: percent,
    tick: (value) => `${Math.round(value * 100)} %`,
    value: (sample) => percent(sample.hit_rate),
    note: (sample, { total }) => `${si(total.cache.hits)} hits in all`,
    series: [{ name: "hit rate", get: (sample) => sample.hit_rate },
      { name: "cold misses", get: member("misses", "cold"), format: rate, drawn: false, colour: 1 },
      { name: "expired", get: member("misses", "expired"), format: rate, drawn: false, colour: 2 },
      { name: "stale", get: (sample) => sample.stale, format: rate, drawn: false, colour: 7 }],
  },
  {
    id: "connections", title: "Connections", label: "Connections by state",
    kind: "stack", least: 10, format: whole, tick: si,
    value: (sample) => whole(sample.connections?.open),
    note: (sample, { total }) => `${si(total.accepted)} accepted`,
    series: members("connections", states),
  },
  {
    id: "latency", title: "Latency by phase", label: "Latency by phase",
    kind: "line", log: true, wide: true, format: seconds,
    value: (sample) => seconds(sample.p99.request),
    note: () => "p99 of whole requests, last second",
    phases: true,
    series: phases.map((phase, index) =>
      ({ name: phase, colour: [0, 4, 2, 1, 3][index], get: (sample) => sample.p99[phase] })),
  },
  {
    id: "memory", title: "Cache memory", label: "Memory of the cache by kind",
    kind: "stack", base: 1024, least: 1 << 20, format: bytes,
    value: (sample) => bytes(sum(sample.memory)),
    note: (sample) => `of ${bytes(sample.capacity)}`,
    limit: (sample) => sample.capacity,
    series: members("memory", kinds),
  },
  {
    id: "disk", title: "Disk queue", label: "Disk queue depth", kind: "line", least: 8, format: si,
    value: (sample) => whole(sample.queue),
    note: (sample) => `of ${whole(sample.queue_size)} chains`,
    limit: (sample) => sample.queue_size,
    series: [{ name: "in flight", get: (sample) => sample.queue, format: whole },
      { name: "rejected", get: (sample) => sample.rejected, format: rate, colour: 7 },
      { name: "timeouts", get: (sample) => sample.disk_timeouts, format: rate, colour: 1 }],
  },
  {
    id: "ring", roomy: true, title: "Ring", label: "Submissions per enter and enters per request",
    kind: "line", least: 2, format: ratio,
    value: (sample) => ratio(sample.sqes_per_enter),
    note: () => "SQEs per enter",
    series: [{ name: "SQEs per enter", get: (sample) => sample.sqes_per_enter },
      { name: "enters per request", get: (sample) => sample.enters_per_request }],
  },
  {
    id: "evictions", title: "Evictions", label: "Evictions per second by reason",
    kind: "stack", least: 5, format: rate, tick: si,
    value: (sample) => rate(sum(sample.evictions)),
    note: (sample, { total }) => `${si(sum(total.cache.evictions))} in all`,
    series: members("evictions", reasons),
  },
  { id: "workers", title: "Workers", wide: true, workers: true },
];
