// Asks the server again and again, says so when it does not answer, and goes on when it does.
import { at, setText, time } from "./words.js";

const TIMEOUT = 15000, LONGEST_PAUSE = 8000;

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// The answer as JSON; null when it is the same as before (`tags` keeps what came last, by address).
export async function ask(address, tags) {
  const headers = {};
  if (tags && tags.has(address)) headers["If-None-Match"] = tags.get(address);
  const response = await fetch(address, { headers, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
  if (response.status === 304) return null;
  const body = await response.json();
  if (!response.ok) throw new Refused(response.status, body.error);
  if (tags) tags.set(address, response.headers.get("ETag"));
  return body;
}

// Calls `load` for ever; it returns how many milliseconds to wait until the next time.
export function follow(load) {
  const line = at("connection");
  let failures = 0, server = null, timer = null, busy = false, quiet = null;

  function say(text, kind) {
    clearTimeout(quiet);
    setText(line, text);
    line.className = `connection ${kind || ""}`;
  }

  async function turn() {
    if (busy) return;
    busy = true;
    clearTimeout(timer);
    let pause;
    try {
      pause = await load((now) => {
        const anew = server !== null && now !== server;
        server = now;
        if (failures || anew) {
          say(`${anew ? "The server was started again; this page has gone on" : "Connected again"} at ${time()}.`, "good");
          quiet = setTimeout(() => say(""), 12000);
        }
        failures = 0;
      });
      if (document.hidden) pause = Math.max(pause, 10000);
    } catch (error) {
      failures += 1;
      pause = Math.min(500 * 2 ** failures, LONGEST_PAUSE);
      say(trouble(error), "bad");
    } finally {
      busy = false;
    }
    timer = setTimeout(turn, pause);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
  addEventListener("online", turn);
  turn();
  return turn;
}

function trouble(error) {
  if (error instanceof Refused && error.status === 401) return "The server has another token now: open the address that it printed.";
  if (error instanceof Refused && error.status === 503) return "The server is busy; trying again.";
  if (error instanceof Refused) return error.message;
  return "The server does not answer; is flatline live still running? Trying again. What is shown stands as it was.";
}
