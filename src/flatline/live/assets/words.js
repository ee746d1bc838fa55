// Small pieces that every page is put together from. Text is only ever set as textContent.
export const at = (id) => document.getElementById(id);
export const make = (tag, className, text) => window.flatline.make(tag, className, text);

export function setText(node, text) {
  // Unchanged text is left alone, so that a selection in it lasts.
  if (node.textContent !== text) node.textContent = text;
}

// Words that are not broken at their hyphens.
export function setWords(node, text) {
  if (node.textContent === text) return;
  node.replaceChildren(...text.split(" ").flatMap((word, index) => [index ? " " : "", make("span", "word", word)]));
}

export function show(node, text) {
  setText(node, text || "");
  node.hidden = !text;
}

export const whole = (value) => Math.round(value).toLocaleString("en").replace(/,/g, "\u2009");
export const plural = (count, one, many) => `${whole(count)} ${count === 1 ? one : many || one + "s"}`;

export function loss(run) {
  if (run.non_finite) return "not finite";
  return run.loss === null ? "" : window.flatline.number(run.loss);
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
export const time = () => new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" }).format(new Date());

export function started(run) {
  if (run.started === null || !(Math.abs(run.started) < 1e11)) return "";
  const when = new Date(run.started * 1000), now = new Date();
  return when.toDateString() === now.toDateString() ? clock.format(when) : `${day.format(when)}, ${clock.format(when)}`;
}

const STATES = {
  running: "It is running.",
  ended: "The program has ended.",
  killed: "The process is gone and its end is not on record: it was killed, or it crashed.",
  unknown: "Whether it still runs cannot be told from here: it was recorded on another machine, or by an older flatline.",
};

export function stateTag(run) {
  const failed = run.state === "ended" && run.exception;
  const tag = make("span", `tag state ${run.state}${failed ? " failed" : ""}`, failed ? "ended by an error" : run.state);
  tag.title = STATES[run.state];
  return tag;
}

export const stateSentence = (run) => (run.state === "ended" && run.exception ? `It ended with ${run.exception}` : STATES[run.state]);

let announced = "";
export function announce(text) {
  if (text === announced) return;
  announced = text;
  setText(at("announcer"), text);
}

export const runAddress = (id) => `/runs/${encodeURIComponent(id)}`;
