// The curves of one run, put together from the parts that the server sends, and turned into lines for a chart.
export class Curves {
  constructor() {
    this.cursor = null;
    this.series = new Map();
  }

  take(answer) {
    if (answer.reset) this.series.clear();
    this.cursor = answer.cursor;
    for (const { part, ...about } of answer.series) {
      const held = this.series.get(about.number);
      const columns = held && part.stride === held.columns.stride ? held.columns : { stride: part.stride };
      for (const name of ["steps", "mean", "bad", "ends", "low", "high"]) {
        columns[name] = part[name] === null ? null : [...(columns[name] || []).slice(0, part.start), ...part[name]];
      }
      this.series.set(about.number, { about, columns });
    }
    return answer.series.length > 0 || answer.reset;
  }

  get points() {
    return Math.max(0, ...[...this.series.values()].map(({ about }) => about.points));
  }

  // Lines of those kinds. A criterion whose values are just the optimised loss again is left out.
  lines(...kinds) {
    const shown = [...this.series.values()].filter(({ about, columns }) => kinds.includes(about.kind) && columns.steps.length);
    const seen = new Set();
    shown.sort((one, other) => kinds.indexOf(one.about.kind) - kinds.indexOf(other.about.kind) || other.about.points - one.about.points);
    return shown.filter(({ about, columns }) => {
      const last = columns.mean.length - 1, key = [about.points, columns.mean[0], columns.mean[last]].join();
      if (about.kind === "criterion" && seen.has(key)) return false;
      seen.add(key);
      return true;
    }).map(({ about, columns }) => line(about, columns));
  }
}

function line(about, columns) {
  const steps = [], values = [];
  let bad = 0;
  for (let i = 0; i < columns.steps.length; i++) {
    bad += columns.bad[i];
    if (columns.stride === 1) {
      steps.push(columns.steps[i]);
      values.push(columns.mean[i]);
      continue;
    }
    // A stretch is drawn from its least to its greatest value and the next one back: the outline of all points.
    const [one, other] = i % 2 ? [columns.high[i], columns.low[i]] : [columns.low[i], columns.high[i]];
    steps.push(columns.steps[i]);
    values.push(one);
    if (columns.ends[i] > columns.steps[i]) {
      steps.push(columns.ends[i]);
      values.push(other);
    }
    if (columns.bad[i] && one !== null) {
      steps.push(columns.ends[i]);
      values.push(null);
    }
  }
  return { kind: about.kind, name: about.name, where: about.line, steps, values, points: about.points, not_finite: bad };
}
