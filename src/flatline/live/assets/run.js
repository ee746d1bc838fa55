// The page of one run.
import { ask, follow, Refused } from "./connection.js";
import { Curves } from "./curves.js";
import { drawVerdict, standing } from "./verdict.js";
import { announce, at, loss, make, plural, setText, setWords, show, started, stateSentence, stateTag, whole } from "./words.js";

const id = decodeURIComponent(location.pathname.split("/").pop());
const address = `/api/runs/${encodeURIComponent(id)}`;
const curves = new Curves(), tags = new Map(), charts = {};
let opinion = null, version = -1, paused = false, drawn = "";

at("compare-link").href = `/?with=${encodeURIComponent(id)}`;
at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  setText(at("pause"), paused ? "Go on with updates" : "Pause updates");
  if (!paused) turn();
});

function chart(name, lines, options) {
  if (charts[name]) charts[name].update(lines, options);
  else charts[name] = window.flatline.lineChart(at(name), lines, options);
}

function drawCurves(answer) {
  const printed = opinion && opinion.drawing ? opinion.drawing.printed : [];
  const marks = opinion && opinion.drawing ? opinion.drawing.marks : [];
  const key = [answer.cursor, version].join();
  if (key === drawn) return;
  drawn = key;
  const losses = [...curves.lines("optimised", "evaluation", "criterion"), ...printed];
  const starts = answer.epochs.length ? [0, ...answer.epochs].slice(0, answer.epoch_count) : [];
  if (losses.length) chart("loss", losses, { epochs: starts, marks, height: 320 });
  else setText(at("loss"), answer.complete ? "No loss has been seen yet: backward has not run." : "");
  const motion = curves.lines("gradient", "update");
  at("motion-section").hidden = !motion.length;
  if (motion.length) chart("motion", motion, { height: 220, logarithmicFrom: 10 });
  // A rate that never changes stands among the facts.
  const rates = curves.lines("rate").filter((line) => line.steps.length > 1).map((line) => held(line, answer.run.steps));
  at("rate-section").hidden = !rates.length;
  if (rates.length) chart("rate", rates, { height: 160 });
}

// A rate holds from the step at which it was set.
function held(line, steps) {
  const last = line.steps[line.steps.length - 1];
  if (steps <= last) return line;
  return { ...line, steps: [...line.steps, steps], values: [...line.values, line.values[line.values.length - 1]] };
}

function drawHeat() {
  const maps = opinion && opinion.drawing ? opinion.drawing.heat_maps : [];
  at("heat-section").hidden = !maps.length;
  if (!maps.length) return;
  if (charts.heat) charts.heat.update(maps);
  else charts.heat = window.flatline.heatMap(at("heat"), maps);
}

function drawFacts(answer) {
  const run = answer.run;
  setWords(at("program"), run.program);
  const parts = [stateTag(run), make("span", "", plural(run.steps, "step"))];
  if (answer.epoch_count) parts.push(make("span", "", plural(answer.epoch_count, "epoch")));
  if (loss(run)) parts.push(make("span", "", `loss ${loss(run)}`));
  if (started(run)) parts.push(make("span", "", `started ${started(run)}`));
  at("facts-line").replaceChildren(...parts);
  show(at("problem"), run.problem || (run.state === "killed" || run.state === "unknown" || run.exception ? stateSentence(run) : ""));
  show(at("reading"), answer.complete ? answer.left_out ? `${plural(answer.left_out, "further series")} not shown.` : ""
    : `Reading the record: ${Math.round(answer.share * 100)}%.`);
  const facts = { record: run.id, ...answer.facts }, list = at("about");
  const told = JSON.stringify(facts);
  if (list.dataset.told !== told) {
    list.dataset.told = told;
    list.replaceChildren(...Object.entries(facts).flatMap(([term, text]) => [make("dt", "", term), make("dd", "", text)]));
  }
}

async function load(connected) {
  if (paused) return 1000;
  let answer;
  try {
    answer = await ask(`${address}/curves${curves.cursor ? `?cursor=${curves.cursor}` : ""}`);
  } catch (error) {
    if (error instanceof Refused && error.status === 400) curves.cursor = null;
    if (error instanceof Refused && error.status === 404) show(at("problem"), "The record of this run is no longer in the folder: it was deleted or moved. What is shown is what had been read of it.");
    throw error;
  }
  connected(answer.server);
  curves.take(answer);
  if (answer.verdict_version !== version || answer.reset) {
    const newer = await ask(`${address}/verdict`, tags);
    // A server that was started again has no verdict yet: the one before still stands.
    if (newer !== null && (newer.verdict || newer.problem || !opinion)) opinion = newer;
    version = answer.verdict_version;
    if (opinion) {
      drawVerdict(at("verdict-body"), opinion, answer.run);
      drawHeat();
    }
  }
  drawFacts(answer);
  drawCurves(answer);
  const words = opinion && opinion.verdict ? standing(opinion.verdict, answer.run)[0] : "no verdict yet";
  document.title = `${answer.run.program}: ${words} · flatline live`;
  announce(`${stateSentence(answer.run)} Verdict: ${words}.`);
  if (!answer.complete) return 50;
  return answer.run.state === "running" || !opinion || opinion.state === "waiting" ? 1000 : 5000;
}

const turn = follow(load);
