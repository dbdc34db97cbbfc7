// The page's main: wires views, stream and header together. Which view is seen is the address's fragment; the state of
// the connection to the server is on the root element (data-link), from where the style sheet dims what is stale.
import { forget_token } from "./api.js";
import { by_id, explain, set_text, toast } from "./dom.js";
import { Entries } from "./entries.js";
import { duration, moment, rate } from "./format.js";
import { History } from "./history.js";
import { Live } from "./live.js";
import { Settings } from "./settings.js";
import { Stream } from "./stream.js";

const history = new History();
const live = new Live(history);
const entries = new Entries();
const settings = new Settings();
const views = { live, cache: entries, config: settings };
const titles = { live: "", cache: "Cache · ", config: "Configuration · " };

function shown() {
  const name = location.hash.slice(1);
  return name in views ? name : "live";
}

function show_view() {
  const name = shown();
  for (const each of Object.keys(views)) by_id(`view-${each}`).hidden = each !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  live.draw();
  if (name !== "live") views[name].show();
  title();
}

function title() {
  const name = shown();
  const sample = history.last;
  const speed = name === "live" && sample !== null && !lost ? `${rate(sample.requests)} · ` : "";
  document.title = `${titles[name]}${speed}uringd ${location.host}`;
}

// --- the connection to the server -----------------------------------------------------------------------------------

let lost = null;        // { reason, retry_at } while there is none
let heard_at = null;

function show_state() {
  const { latest } = history;
  const state = lost !== null ? "lost" : latest?.state ?? "connecting";
  const words = { lost: "Disconnected", connecting: "Connecting", serving: "Serving", draining: "Draining" };
  const pill = by_id("state");
  pill.dataset.state = state;
  set_text(pill.firstElementChild, words[state] ?? state);
  document.documentElement.dataset.link = lost !== null ? "lost" : "live";
  const banner = by_id("banner");
  banner.hidden = lost === null && state !== "draining";
  banner.dataset.kind = state;
  const [head, text] = banner.firstElementChild.children;
  const button = banner.lastElementChild;
  button.hidden = lost === null;
  if (lost !== null) {
    const locked = lost.reason.name === "Declined";
    set_text(head, locked ? "The figures need the token." : "No figures from the server.");
    set_text(text, locked ? "" : lost_words());
    set_text(button, locked ? "Enter it" : "Try now");
  } else if (state === "draining") {
    set_text(head, "Draining.");
    set_text(text, "The server finishes what it has, then it stops.");
  }
}

function lost_words() {
  const wait = Math.max(0, Math.ceil((lost.retry_at - Date.now()) / 1000));
  const since = heard_at === null ? "" : ` The last came ${duration((Date.now() - heard_at) / 1000)} ago.`;
  return `${explain(lost.reason)}${since} ${wait > 0 ? `Next try in ${wait} s.` : "Trying…"}`;
}

function show_about({ version, uptime_s, started, workers }) {
  const node = by_id("about");
  const crew = `${workers} ${workers === 1 ? "worker" : "workers"}`;
  set_text(node, `${version} · ${crew} · up ${duration(uptime_s)}`);
  node.title = `Started ${moment(started)}`;
}

const stream = new Stream((figures) => {
  heard_at = Date.now();
  history.add(figures);
  if (history.restarted) {
    toast("The server has been restarted.");
    settings.forget();
  }
  show_about(figures);
  show_state();
  settings.uptime(figures);
  live.draw_soon();
  title();
}, (state, details) => {
  lost = state === "lost" ? details : null;
  show_state();
  title();
});

setInterval(() => { if (lost !== null) show_state(); }, 500);
by_id("banner").lastElementChild.addEventListener("click", () => stream.try_now());

// --- the header -----------------------------------------------------------------------------------------------------

const themes = ["", "light", "dark"];
const theme_words = { "": "Colours: as the system", light: "Colours: light", dark: "Colours: dark" };

function show_theme() {
  const theme = document.documentElement.dataset.theme ?? "";
  by_id("theme").setAttribute("aria-label", theme_words[theme]);
  by_id("theme").title = theme_words[theme];
}

by_id("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const theme = themes[(themes.indexOf(root.dataset.theme ?? "") + 1) % themes.length];
  if (theme === "") delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    if (theme === "") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch { /* storage is switched off: it holds until the page is closed */ }
  show_theme();
});

by_id("forget").addEventListener("click", () => {
  forget_token();
  toast("The token is forgotten.");
});

addEventListener("hashchange", show_view);
set_text(by_id("host"), location.host);
show_theme();
show_view();
stream.run();
