// Calls to the admin interface, and the token. The token lives in this module's memory only: not in storage, not in a
// URL. A call that is answered 401 waits until the person has given one, then goes out again; several that wait share
// one dialog. Addresses are relative, so that the page also works below a prefix of a proxy.
import { ask, by_id } from "./dom.js";

let token = null;
let asking = null;

export const is_asking = () => asking !== null;
export function forget_token() { token = null; changed(); }

function changed() { by_id("forget").hidden = token === null; }

// The person left the dialog: nothing to report, nothing was done.
export class Declined extends Error {
  constructor() { super("This needs the token."); this.name = "Declined"; }
}

// There is no server, or the connection to it broke. (fetch says TypeError, as any mistake of ours would.)
export class Unreachable extends Error {
  constructor() { super("Nothing answers."); this.name = "Unreachable"; }
}

// What the server says is wrong: status, error, hint and, for a bad configuration, a list.
export class Refused extends Error {
  constructor(status, body) {
    super(body.error || `The server answered ${status}.`);
    this.status = status;
    this.hint = body.hint ?? "";
    this.errors = Array.isArray(body.errors) ? body.errors : [];
  }
}

export async function refusal(response) {
  let body = {};
  try { body = await response.json(); } catch { /* not ours: the status has to do */ }
  return new Refused(response.status, typeof body === "object" && body !== null ? body : {});
}

// Resolves once there is a token other than `used`; rejects when the person leaves the dialog.
function ask_token(used) {
  if (token !== used) return Promise.resolve();  // another call has asked meanwhile
  asking ??= (async () => {
    const dialog = by_id("token-dialog");
    const input = dialog.querySelector("[name=token]");
    input.value = "";
    const answer = ask(dialog, async () => {
      const text = input.value.trim();
      if (!/^[\x21-\x7e]+$/.test(text)) throw new Error("A token is one word of ASCII characters.");
      return text;
    });
    if (used !== null) {
      const wrong = dialog.querySelector(".wrong");
      wrong.textContent = "The server does not take that token.";
      wrong.hidden = false;
    }
    const given = await answer;
    input.value = "";
    if (given === null) throw new Declined();
    token = given;
    changed();
  })().finally(() => { asking = null; });
  return asking;
}

// What the network gives, with its TypeError named for what it is; an AbortError stays one.
export async function reached(promise) {
  try {
    return await promise;
  } catch (error) {
    throw error instanceof TypeError ? new Unreachable() : error;
  }
}

// The response, whatever its status but 401. Throws Unreachable, and Declined without a token.
export async function call(address, { headers = {}, ...options } = {}) {
  for (;;) {
    const used = token;
    const all = used === null ? headers : { ...headers, Authorization: `Bearer ${used}` };
    const response = await reached(fetch(address, {
      cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
      ...options, headers: all,
    }));
    if (response.status !== 401) return response;
    await response.body?.cancel();
    await ask_token(used);
  }
}

// The answer's JSON, null where it has no body; throws Refused for any status but 2xx.
export async function call_json(address, options) {
  const response = await call(address, options);
  if (!response.ok) throw await refusal(response);
  const text = await reached(response.text());
  return text === "" ? null : JSON.parse(text);
}

// The address of an entry: each segment percent-encoded, so "?", "#", "%", quotes and spaces stay part of the path.
export function entry_address(path, site) {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return `cache${encoded}${site ? `?site=${encodeURIComponent(site)}` : ""}`;
}
