// A verdict as a page shows it: what, why, on which line, how sure, and what was ruled out.
import { make, plural } from "./words.js";

// A training that was cut short may not have come to its fault.
export const cutShort = (run) => Boolean(run.exception) || run.state === "killed";

export function standing(verdict, run) {
  if (!verdict.run.steps && verdict.healthy) return ["nothing to judge yet", "none"];
  if (verdict.healthy && cutShort(run)) return ["no fault seen", "none"];
  if (verdict.healthy) return ["no fault found", "healthy"];
  return verdict.causes.some((cause) => cause.level !== "possible") ? ["fault found", "fault"] : ["unexplained", "unexplained"];
}

export function drawVerdict(root, opinion, run, brief) {
  const open = new Set([...root.querySelectorAll("details[open]")].map((node) => node.dataset.name));
  const made = document.createDocumentFragment();
  const verdict = opinion.verdict;
  if (opinion.problem) made.append(make("p", "notice", opinion.problem));
  if (!verdict) {
    if (!opinion.problem) made.append(make("p", "soft", "The first verdict is being made."));
    root.replaceChildren(made);
    return;
  }
  const [words, kind] = standing(verdict, run);
  const lead = make("p", "lead");
  lead.append(make("span", `tag ${kind}`, words), " ", verdict.summary);
  made.append(lead);
  made.append(make("p", "soft small", basis(verdict.run.steps, run)));
  const faults = verdict.causes.filter((cause) => cause.level !== "possible");
  const possible = verdict.causes.filter((cause) => cause.level === "possible");
  for (const cause of [...faults, ...possible.slice(0, 2)]) made.append(drawCause(cause, opinion.titles, brief));
  if (!brief) {
    made.append(...more("expected", verdict.expected, "Expected", (item) => [item.name, item.evidence]));
    made.append(...more("ruled-out", verdict.ruled_out, "Ruled out", (item) => [item.name, item.evidence]));
    made.append(...more("untested", verdict.untested, "Untested", (item) => [item.name, item.reason]));
    made.append(...more("failed", verdict.probe_failures, "Probes that failed", (item) => ["probe failed", item]));
  }
  root.replaceChildren(made);
  for (const node of root.querySelectorAll("details")) node.open = open.has(node.dataset.name);
}

function basis(steps, run) {
  if (run.state === "running") return `From the first ${plural(steps, "step")}; made anew as the run goes on.`;
  return steps && steps === run.steps ? `From all ${plural(steps, "step")}.` : `From ${plural(steps, "step")}.`;
}

function drawCause(cause, titles, brief) {
  const made = make("div", `cause ${cause.level}`);
  const heading = make("h3");
  heading.append(make("span", `tag ${cause.level}`, cause.level), " ", titles[cause.name] || cause.name);
  made.append(heading, make("p", "soft small", `${cause.name}, ${Math.round(cause.confidence * 100)}% sure`));
  if (cause.location) {
    const line = make("p", "line");
    line.append(make("span", "soft", `${cause.location.file.split("/").pop()}:${cause.location.line} `), make("code", "", cause.location.source));
    made.append(line);
  }
  if (!brief && cause.evidence.length) {
    const table = make("table", "stack evidence"), body = make("tbody"), head = make("tr"), top = make("thead");
    for (const name of ["Measurement", "Measured", "Expected"]) { const cell = make("th", "", name); cell.scope = "col"; head.append(cell); }
    top.append(head);
    for (const item of cause.evidence) {
      const row = make("tr"), first = make("th", "", item.text);
      first.scope = "row";
      const measured = make("td", "", item.measured), expected = make("td", "", item.expected);
      measured.dataset.label = "measured";
      expected.dataset.label = "expected";
      row.append(first, measured, expected);
      body.append(row);
    }
    table.append(top, body);
    made.append(table);
  }
  const fix = make("div", "fix");
  fix.append(make("p", "", cause.fix.text));
  made.append(fix);
  return made;
}

function more(name, items, title, parts) {
  if (!items.length) return [];
  const details = make("details", "more"), list = make("dl", "plain");
  details.dataset.name = name;
  details.append(make("summary", "", `${title}: ${plural(items.length, "cause")}`.replace(/^Probes.*/, `${title}: ${items.length}`)), list);
  for (const item of items) {
    const [term, text] = parts(item);
    list.append(make("dt", "", term), make("dd", "", text));
  }
  return [details];
}
