// The figures as they come, one set a second, for as long as the page is open. EventSource cannot send a token, so the
// event stream is read from a fetch. Whatever ends it (no server, an error, 5 s without a word), it begins again: after
// 1, 2, 4, 8, then 15 s, at once when the person or the browser says that the network is back.
import { call, is_asking, reached, refusal } from "./api.js";

const silence_ms = 5_000;
const longest_wait_ms = 15_000;

// The data of each server-sent event in a body; `heard` is called for each piece that arrives.
export async function* events(body, heard = () => {}) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reached(reader.read());
      if (done) return;
      heard();
      const lines = (rest + value).split(/\r\n|\n/);
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
        else if (line === "" && data.length > 0) {
          yield data.join("\n");
          data = [];
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

export class Stream {
  #wake = () => {};

  // on_figures(stats) for each event; on_state("live" | "lost", { reason, retry_at }) for each change.
  constructor(on_figures, on_state) {
    this.on_figures = on_figures;
    this.on_state = on_state;
    addEventListener("online", () => this.try_now());
  }

  try_now() { this.#wake(); }

  async run() {
    let wait = 1_000;
    for (;;) {
      let reason;
      try {
        await this.#follow(() => { wait = 1_000; });
        reason = new Error("The server ended the stream.");
      } catch (error) {
        reason = error;
      }
      // without a token there is no use in asking every few seconds: the person begins again
      const locked = reason.name === "Declined";
      this.on_state("lost", { reason, retry_at: locked ? null : Date.now() + wait });
      await new Promise((resolve) => {
        this.#wake = resolve;
        if (!locked) setTimeout(resolve, wait);
      });
      wait = Math.min(wait * 2, longest_wait_ms);
    }
  }

  async #follow(has_begun) {
    const watch = new AbortController();
    let timer;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (is_asking()) heard();  // it is the person who takes their time
        else watch.abort(new Error("The server has gone quiet."));
      }, silence_ms);
    };
    heard();
    try {
      const response = await call("stats/stream", { signal: watch.signal, headers: { Accept: "text/event-stream" } });
      if (!response.ok) throw await refusal(response);
      for await (const data of events(response.body, heard)) {
        const figures = JSON.parse(data);
        has_begun();
        this.on_state("live", {});
        // figures that cannot be shown are no reason to leave the server alone: the console has what is wrong
        try { this.on_figures(figures); } catch (error) { reportError(error); }
      }
      watch.signal.throwIfAborted();
    } finally {
      clearTimeout(timer);
    }
  }
}
