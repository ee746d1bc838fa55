// The list of runs. Rows are kept and changed in place: focus and choices last while the list is renewed.
import { ask, follow } from "./connection.js";
import { cutShort } from "./verdict.js";
import { announce, at, loss, make, plural, runAddress, setText, show, started, stateTag, whole } from "./words.js";

const rows = new Map(), tags = new Map(), chosen = new Set(new URLSearchParams(location.search).getAll("with"));
let server = null;

function row(run) {
  const made = make("tr"), choice = make("td", "choice"), box = make("input"), name = make("th", "program"), link = make("a");
  box.type = "checkbox";
  box.checked = chosen.has(run.id);
  box.addEventListener("change", () => { box.checked ? chosen.add(run.id) : chosen.delete(run.id); choose(); });
  choice.append(box);
  name.scope = "row";
  link.href = runAddress(run.id);
  name.append(link, make("span", "soft small id", run.id));
  const cells = { state: make("td"), started: make("td", "when"), steps: make("td", "number"), loss: make("td", "number"), verdict: make("td", "summary") };
  cells.steps.dataset.label = "steps";
  cells.loss.dataset.label = "loss";
  cells.started.dataset.label = "started";
  made.append(choice, name, cells.state, cells.started, cells.steps, cells.loss, cells.verdict);
  return { made, box, link, cells, told: "" };
}

function fill(held, run) {
  const told = JSON.stringify(run);
  if (told === held.told) return;
  held.told = told;
  setText(held.link, run.program);
  held.box.setAttribute("aria-label", `Compare ${run.program}, ${run.id}`);
  held.cells.state.replaceChildren(stateTag(run));
  setText(held.cells.started, started(run));
  setText(held.cells.steps, whole(run.steps));
  setText(held.cells.loss, loss(run));
  const verdict = held.cells.verdict;
  verdict.replaceChildren();
  if (run.problem) verdict.append(make("span", "problem", run.problem));
  else if (run.headline) verdict.append(make("span", `dot ${dot(run)}`), run.headline.summary);
}

// Green is only what was seen to train, and to come to its own end or to go on.
function dot(run) {
  if (!run.headline.healthy) return "fault";
  return run.headline.steps && !cutShort(run) ? "healthy" : "none";
}

function choose() {
  const two = [...rows.values()].filter((held) => held.box.checked);
  at("compare-button").disabled = two.length !== 2;
  setText(at("compare-hint"), two.length === 2 ? "" : two.length > 2 ? "Choose only two runs." : two.length ? "Choose one more." : "Choose two runs.");
}

at("compare").addEventListener("submit", (event) => {
  event.preventDefault();
  const [a, b] = [...rows.entries()].filter(([, held]) => held.box.checked).map(([id]) => id);
  if (b) location.assign(`/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`);
});

async function load(connected) {
  const answer = await ask("/api/runs", tags);
  if (answer === null) {
    connected(server);
    return 2000;
  }
  connected(server = answer.server);
  show(at("folder"), answer.folder);
  const body = at("rows"), ids = new Set(answer.runs.map((run) => run.id));
  for (const [id, held] of rows) if (!ids.has(id)) { held.made.remove(); rows.delete(id); chosen.delete(id); }
  answer.runs.forEach((run, index) => {
    if (!rows.has(run.id)) rows.set(run.id, row(run));
    const held = rows.get(run.id);
    fill(held, run);
    if (body.children[index] !== held.made) body.insertBefore(held.made, body.children[index] || null);
  });
  at("table").hidden = at("compare").hidden = !answer.runs.length;
  show(at("empty"), answer.runs.length ? answer.total > answer.runs.length ? `The newest ${answer.runs.length} of ${answer.total} runs.` : ""
    : `No run is recorded in ${answer.folder} yet. flatline run PROGRAM makes one; it will appear here.`);
  choose();
  announce(`${plural(answer.runs.length, "run")}, ${answer.runs.filter((run) => run.state === "running").length} running`);
  return 2000;
}

follow(load);
