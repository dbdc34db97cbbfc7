// The one script of this site. On every page it says in the footer how the page arrived; on /served.html it asks for
// the files listed in /assets/files.json and shows each answer. Everything shown comes from an answer just received.

/** An element with a class and children (strings or elements). */
function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const bytes = (value) => value.toLocaleString("en");

/** The browser's own record of a request to `url` that began at or after `since`; it may be late or missing. */
async function timing(url, since) {
  for (let turn = 0; turn < 3; ++turn) {
    const record = performance.getEntriesByName(url, "resource").findLast((entry) => entry.startTime >= since);
    if (record) return record;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return null;
}

/** One exchange, past the browser's cache: what was asked, what came back, how long it took. */
async function ask(method, path, headers = {}) {
  const url = new URL(path, location.href).href;
  const began = performance.now();
  const response = await fetch(url, { method, headers, cache: "no-store" });
  const body = await response.arrayBuffer();
  const ended = performance.now();
  const record = await timing(url, began);
  const precise = record && record.requestStart > 0 && record.responseEnd >= record.requestStart;
  return {
    asked: [`${method} ${path}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)],
    status: response.status,
    reason: response.statusText,
    fields: [...response.headers],
    field: (name) => response.headers.get(name),
    size: body.byteLength,
    redirected: response.redirected ? new URL(response.url).pathname : "",
    duration: precise ? record.responseEnd - record.requestStart : ended - began,
    protocol: (record && record.nextHopProtocol) || "",
  };
}

function status_mark(code, className = "") {
  return element("span", `status ${className}`.trim(), String(code));
}

/** The request and the response head, as text; the fields in `marked` stand out. */
function transcript(answer, marked = []) {
  const text = element("code", "");
  text.append(...answer.asked.map((line) => `> ${line}\n`), "\n");
  text.append(`< ${answer.status} ${answer.reason}\n`);
  for (const [name, value] of answer.fields) {
    const line = `< ${name}: ${value}\n`;
    text.append(marked.includes(name) ? element("b", "", line) : line);
  }
  return element("pre", "", text);
}

function answer_cell(when, ...children) {
  const cell = element("span", "answer", ...children);
  cell.dataset.when = when;
  return cell;
}

function line(path, shows, size, first, second, ...transcripts) {
  const name = element("span", "path", path, element("small", "", shows));
  return element("details", "", element("summary", "", name, element("span", "size", size), first, second),
    element("div", "exchange", ...transcripts));
}

/** A file, asked for twice: whole, then only if it has changed. */
async function file_line({ path, shows }) {
  const first = await ask("GET", path);
  const tag = first.field("etag");
  const modified = first.field("last-modified");
  const condition = tag ? { "If-None-Match": tag } : modified ? { "If-Modified-Since": modified } : {};
  const second = await ask("GET", path, condition);
  const validator = tag ? "etag" : "last-modified";
  const row = line(path, shows, bytes(first.size),
    answer_cell("first answer", status_mark(first.status, first.status === 200 ? "" : "wrong"), milliseconds(first.duration)),
    answer_cell("asked again", status_mark(second.status, second.status === 304 ? "" : "wrong"), milliseconds(second.duration)),
    transcript(first, [validator]), transcript(second, [validator]));
  return { row, first, second };
}

async function ask_for_files(files, table, summary) {
  let sent = 0, saved = 0, protocol = "";
  for (const file of files) {
    const { row, first, second } = await file_line(file);
    table.append(row);
    sent += first.size;
    if (second.status === 304) saved += first.size;
    protocol ||= first.protocol;
  }
  summary.textContent = `${files.length} files, ${bytes(sent)} bytes`
    + (protocol ? ` over ${protocol.toUpperCase()}` : "") + `; ${bytes(saved)} not sent a second time.`;
}

/** A request that does not end in a plain file, beside the status that the documentation promises for it. */
async function other_line({ method, path, status, shows }) {
  const answer = await ask(method, path);
  // A followed redirect shows only its destination; that it was one is known from `redirected`.
  const seen = answer.redirected ? 301 : answer.status;
  const kind = seen !== status ? "wrong" : seen < 300 ? "" : seen < 400 ? "moved" : "refused";
  return line(`${method} ${path}`, shows, bytes(answer.size), answer_cell("expected", status_mark(status, "refused")),
    answer_cell("answer", status_mark(seen, kind), answer.redirected ? `to ${answer.redirected}` : milliseconds(answer.duration)),
    transcript(answer, ["allow"]));
}

async function ask_for_others(others, table) {
  for (const other of others) table.append(await other_line(other));
}

/** Runs `work` now (or at the first press) and again at each press; never twice at the same time. */
function on_press(button, table, work, at_once) {
  const run = async () => {
    button.disabled = true;
    for (const old of table.querySelectorAll("details, p")) old.remove();
    try {
      await work();
    } catch (error) {
      table.append(element("p", "", `No answer: ${error.message}.`));
    }
    button.disabled = false;
  };
  button.addEventListener("click", run);
  button.disabled = false;
  if (at_once) run();
}

async function show_served() {
  const find = (id) => document.getElementById(id);
  const list = await (await fetch("/assets/files.json")).json();
  on_press(find("ask-files"), find("files"), () => ask_for_files(list.files, find("files"), find("files-summary")), true);
  on_press(find("ask-others"), find("others"), () => ask_for_others(list.others, find("others")), false);
}

function show_this_page() {
  const record = performance.getEntriesByType("navigation")[0];
  if (!record || !record.responseEnd) return;
  // A revalidated page is reported as 200 with a body that was not transferred.
  const revalidated = record.transferSize > 0 && record.transferSize < record.encodedBodySize;
  const parts = [record.nextHopProtocol.toUpperCase(), revalidated ? "304, unchanged" : String(record.responseStatus || "")];
  if (record.transferSize === 0) parts.push("from the browser’s cache");
  else if (!revalidated) parts.push(`${bytes(record.encodedBodySize)} bytes`);
  if (record.transferSize > 0 && record.requestStart > 0) parts.push(milliseconds(record.responseEnd - record.requestStart));
  document.getElementById("this-page").textContent = `This page: ${parts.filter(Boolean).join(" · ")}`;
}

// The record of the navigation is complete only after the load event has ended.
if (document.readyState === "complete") show_this_page();
else addEventListener("load", () => setTimeout(show_this_page, 0));
if (document.getElementById("files")) show_served();
