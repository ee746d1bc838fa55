// Two runs on the same axes, and beside one another.
import { ask, follow, Refused } from "./connection.js";
import { Curves } from "./curves.js";
import { drawVerdict } from "./verdict.js";
import { announce, at, loss, make, plural, runAddress, setText, show, started, stateTag } from "./words.js";

const given = new URLSearchParams(location.search), tags = new Map();
const sides = ["a", "b"].map((letter) => {
  const root = at(`side-${letter}`), name = make("h3"), link = make("a"), line = make("p", "facts-line"), verdict = make("div");
  name.id = `name-${letter}`;
  name.append(`${letter.toUpperCase()} `, link);
  root.append(name, line, verdict);
  return { letter, id: given.get(letter) || "", curves: new Curves(), version: -1, opinion: null, answer: null, gone: "", link, line, verdict };
});
// What differs between any two runs is not marked.
const BY_CHANCE = new Set(["command", "started", "recorded for", "overhead", "last line"]);
let chart = null, paused = false, drawn = "";

at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  setText(at("pause"), paused ? "Go on with updates" : "Pause updates");
  if (!paused) turn();
});

async function renew(side) {
  const address = `/api/runs/${encodeURIComponent(side.id)}`;
  try {
    side.answer = await ask(`${address}/curves${side.curves.cursor ? `?cursor=${side.curves.cursor}` : ""}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 400) side.curves.cursor = null;
    if (error.status !== 404) throw error;
    side.gone = `Run ${side.letter.toUpperCase()} (${side.id}): ${error.message}`;
    return;
  }
  side.gone = "";
  side.curves.take(side.answer);
  if (side.answer.verdict_version !== side.version || side.answer.reset) {
    const newer = await ask(`${address}/verdict`, tags);
    if (newer !== null && (newer.verdict || newer.problem || !side.opinion)) side.opinion = newer;
    side.version = side.answer.verdict_version;
    if (side.opinion) drawVerdict(side.verdict, side.opinion, side.answer.run, true);
  }
  const run = side.answer.run;
  side.link.href = runAddress(side.id);
  setText(side.link, run.program);
  const parts = [stateTag(run), make("span", "", plural(run.steps, "step"))];
  if (loss(run)) parts.push(make("span", "", `loss ${loss(run)}`));
  side.line.replaceChildren(...parts);
}

function draw() {
  const key = sides.map((side) => side.curves.cursor).join();
  if (key === drawn) return;
  drawn = key;
  const lines = sides.flatMap((side) => side.curves.lines("optimised").slice(0, 1)
    .map((line) => ({ ...line, kind: side.letter === "a" ? "first" : "second", name: `${side.letter.toUpperCase()} ${side.answer.run.program}` })));
  if (chart) chart.update(lines, {});
  else if (lines.length) chart = window.flatline.lineChart(at("loss"), lines, { height: 340 });
}

function drawFacts() {
  const facts = sides.map(({ answer }) => (answer ? { program: answer.run.program, started: started(answer.run), state: answer.run.state,
    steps: String(answer.run.steps), loss: loss(answer.run), ...answer.facts } : {}));
  const told = JSON.stringify(facts), body = at("facts-rows");
  if (body.dataset.told === told) return;
  body.dataset.told = told;
  body.replaceChildren(...[...new Set(facts.flatMap(Object.keys))].map((name) => {
    const row = make("tr"), first = make("th", "", name), differs = !BY_CHANCE.has(name) && facts[0][name] !== facts[1][name];
    first.scope = "row";
    if (differs) { row.className = "differs"; first.append(make("span", "visually-hidden", " (differs)")); }
    const cells = facts.map((side, index) => { const cell = make("td", "", side[name] || ""); cell.dataset.label = index ? "B" : "A"; return cell; });
    row.append(first, ...cells);
    return row;
  }));
}

async function load(connected) {
  if (paused) return 1000;
  if (!sides.every((side) => side.id)) {
    show(at("problem"), "Two runs are compared by choosing them in the list of runs.");
    return 60000;
  }
  await Promise.all(sides.map(renew));
  const there = sides.filter((side) => side.answer);
  if (there.length) connected(there[0].answer.server);
  show(at("problem"), sides.map((side) => side.gone || (side.answer && side.answer.run.problem) || "").filter(Boolean).join(" "));
  draw();
  drawFacts();
  document.title = `${there.map((side) => side.answer.run.program).join(" and ")} · flatline live`;
  announce(there.map((side) => `${side.letter.toUpperCase()} ${side.answer.run.state}`).join(", "));
  if (there.some((side) => !side.answer.complete)) return 50;
  return there.some((side) => side.answer.run.state === "running" || !side.opinion || side.opinion.state === "waiting") ? 1000 : 5000;
}

const turn = follow(load);
