// Numbers as people read them: three digits and a prefix. SI prefixes for counts, rates and seconds, binary ones for
// memory (as in the configuration). Pure functions.

const big = ["", "k", "M", "G", "T", "P"];
const small = ["", "m", "µ", "n"];
const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

// Three significant digits, without an exponent.
function digits(value) {
  const size = Math.abs(value);
  if (size >= 100 || value === 0) return value.toFixed(0);
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

const join = (number, unit) => (unit === "" ? number : `${number} ${unit}`);
const missing = (value) => value === null || value === undefined || !Number.isFinite(value);

function scaled(value, base, prefixes) {
  let power = 0;
  let rest = value;
  while (Math.abs(rest) >= base * 0.9995 && power < prefixes.length - 1) { rest /= base; ++power; }
  return [rest, power];
}

// "12.3 k", "4.56 MB/s"; whole numbers below 1000 stay whole.
export function si(value, unit = "") {
  if (missing(value)) return "–";
  if (value !== 0 && Math.abs(value) < 0.005) return join("0", unit);
  const [rest, power] = scaled(value, 1000, big);
  const number = power === 0 && unit === "" && Number.isInteger(value) ? String(value) : digits(rest);
  return join(number, big[power] + unit);
}

export const rate = (value) => si(value, "/s");
export const byte_rate = (value) => si(value, "B/s");

export function bytes(value) {
  if (missing(value)) return "–";
  const [rest, power] = scaled(value, 1024, binary);
  return join(power === 0 ? String(Math.round(value)) : digits(rest), binary[power]);
}

// "850 ns", "12.3 µs", "1.20 ms", "2.50 s"
export function seconds(value) {
  if (missing(value)) return "–";
  if (value === 0) return "0 s";
  let power = 0;
  let rest = value;
  while (rest < 0.9995 && power < small.length - 1) { rest *= 1000; ++power; }
  return join(power === 3 ? rest.toFixed(0) : digits(rest), `${small[power]}s`);
}

export const percent = (value) => {
  if (missing(value)) return "–";
  const hundred = value * 100;
  // 99.96 % is not 100 %: somebody may look for the last miss
  return `${hundred >= 99.95 && hundred < 100 ? Math.min(hundred, 99.99).toFixed(2) : hundred.toFixed(1)} %`;
};

export const ratio = (value) => (missing(value) ? "–" : digits(value));
// For an axis: without zeros that say nothing, "6 k" for "6.00 k".
export const short = (format) => (value) => format(value).replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "");

// The largest unit only.
export const age = (value) => duration(value).split(" ").slice(0, 2).join(" ");

export const whole = (value) => (missing(value) ? "–" : Math.round(value).toLocaleString("en"));

// The two largest units: "3 d 4 h", "5 min 12 s".
export function duration(value) {
  if (missing(value)) return "–";
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let rest = Math.max(0, Math.floor(value));
  const parts = [];
  for (const [name, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 || parts.length > 0 || name === "s") parts.push(`${count} ${name}`);
  }
  return parts.slice(0, 2).filter((part, index) => index === 0 || !part.startsWith("0 ")).join(" ");
}

export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");
export const moment = (text) => {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return "–";
  return `${date.toLocaleDateString("en-CA")} ${clock(date)}`;
};

// Steps of 1, 2, 5 times a power of the base; about `count` of them up to `most`. Where the axis ends, and the step.
export function nice_axis(most, count, base = 10) {
  let unit = 1;
  if (base === 1024) while (most >= unit * 1024) unit *= 1024;
  const raw = most / unit / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) * power * unit;
  return { step, end: Math.ceil(most / step - 1e-9) * step };
}
