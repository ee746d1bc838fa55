// The charts of the report and of the live page, on uPlot and canvas: flatline.lossChart, lineChart and heatMap.
// Text that came from the program is only ever set as textContent or drawn on a canvas. No style attribute is written
// as markup, so that a strict content security policy holds.
"use strict";
var flatline = (function () {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dark = matchMedia("screen and (prefers-color-scheme: dark)");
  const printing = matchMedia("print");

  function make(tag, className, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  // A number as a person writes it: four significant digits.
  function number(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return "not finite";
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e6 || size < 1e-3) return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
    return String(Number(value.toPrecision(4)));
  }

  const whole = (value) => Math.round(value).toLocaleString("en").replace(/,/g, " ");

  // Several values within one step (gradients that are accumulated) stand beside one another.
  function spread(steps) {
    const result = new Array(steps.length);
    for (let i = 0; i < steps.length;) {
      let end = i;
      while (end < steps.length && steps[end] === steps[i]) end++;
      for (let k = i; k < end; k++) result[k] = steps[k] + (k - i) / (end - i);
      i = end;
    }
    return result;
  }

  function dress(line, counts) {
    const shades = { optimised: ["--curve-1", "--curve-6", "--curve-4"], printed: ["--curve-2", "--curve-5"], evaluation: ["--curve-3"],
      criterion: ["--curve-4", "--curve-6", "--curve-5"], rate: ["--curve-1", "--curve-3", "--curve-2", "--curve-4"],
      gradient: ["--curve-3"], update: ["--curve-2"], first: ["--curve-1"], second: ["--curve-2"],
      control: ["--control"], trial: ["--curve-2"] }[line.kind] || ["--curve-6"];
    const at = counts[line.kind] = (counts[line.kind] || 0) + 1;
    return { shade: shades[(at - 1) % shades.length],
      dash: line.kind === "printed" ? [2, 4] : line.kind === "evaluation" ? [7, 4] : at > shades.length ? [1, 3] : undefined };
  }

  function label(line) {
    const words = { optimised: "optimised", printed: "printed", evaluation: "evaluated", criterion: "criterion" }[line.kind];
    const name = line.kind === "optimised" ? "loss" : line.kind === "printed" ? `“${line.name}”` : line.name;
    return (words ? `${words} ${name}` : name) + (line.where ? ` (${line.where})` : "");
  }

  // One plot of several lines. options: {epochs, marks, height, logarithmic, step (name of x), describe}
  function lineChart(root, lines, options) {
    options = options || {};
    root.textContent = "";
    const controls = make("div", "controls");
    const chart = make("div", "chart");
    const readout = make("div", "readout");
    readout.setAttribute("aria-live", "polite");
    chart.tabIndex = 0;
    chart.setAttribute("role", "group");
    chart.setAttribute("aria-roledescription", "chart");
    root.append(controls, chart, readout);
    // A criterion is mostly the optimised loss again, or a part of it: it is shown when it is asked for.
    const quiet = (line) => line.kind === "criterion" && lines.some((other) => other.kind === "optimised");
    const hidden = new Set(lines.filter(quiet).map(label));
    let plot = null, logarithmic = null, zoom = null, rows = [], cursor = null;

    function data() {
      rows = lines.map((line) => ({ line, x: spread(line.steps) }));
      if (!rows.length) return [[]];
      return uPlot.join(rows.map((row) => [row.x, row.line.values]));
    }

    const positive = () => lines.every((l) => l.values.every((v) => v === null || v > 0)) && lines.some((l) => l.values.some((v) => v !== null));
    function wantsLog() {
      if (logarithmic !== null) return logarithmic;
      const all = lines.flatMap((l) => l.values.filter((v) => v !== null));
      let low = Infinity, high = -Infinity;
      for (const v of all) { if (v < low) low = v; if (v > high) high = v; }
      return positive() && high / low > (options.logarithmicFrom || 100);
    }

    function build() {
      const values = data(), counts = {}, log = wantsLog() && positive();
      if (plot) plot.destroy();
      const axis = { stroke: () => css("--soft"), font: "12px " + css("--text"), grid: { stroke: () => css("--grid"), width: 1 },
        ticks: { stroke: () => css("--line"), width: 1, size: 4 } };
      const decades = (u, ticks) => (log && ticks.length > 30 ? ticks.map((t) => (isPower(t) ? t : null)) : ticks);
      plot = new uPlot({
        width: Math.max(chart.clientWidth, 200), height: options.height || 300, padding: [options.marks && options.marks.length ? 30 : 12, 30, 0, 0],
        legend: { show: false }, cursor: { y: false, drag: { x: true, y: false }, points: { size: 7 } },
        scales: {
          x: { time: false, range: (u, low, high) => low === null ? [0, 1] : low === high ? [low - 1, high + 1] : [low, high] },
          y: { distr: log ? 3 : 1, range: log ? undefined : (u, low, high) => yRange(low, high) },
        },
        axes: [{ ...axis, size: 34, ...(options.epochs && options.epochs.length ? { grid: { show: false } } : {}), values: (u, ticks) => ticks.map((t) => (Number.isInteger(t) ? whole(t) : "")) },
          // Of many decades only the powers of ten have a line.
          { ...axis, size: 62, grid: { ...axis.grid, filter: decades }, ticks: { ...axis.ticks, filter: decades },
            values: (u, ticks) => ticks.map((t) => (t === null ? "" : number(t))) }],
        series: [{}, ...lines.map((line) => {
          const look = dress(line, counts);
          return { label: label(line), stroke: () => css(look.shade), width: line.kind === "control" ? 4 : 1.5, dash: look.dash,
            show: !hidden.has(label(line)), spanGaps: false,
            points: { show: line.values.length === 1 || (line.kind === "printed" && line.values.length < 150), size: 6, fill: () => css(look.shade) },
            paths: line.kind === "rate" ? uPlot.paths.stepped({ align: 1 }) : undefined };
        })],
        hooks: { drawClear: [(u) => drawEpochs(u, options.epochs || [], options.epochsEvery || 1)],
          draw: [(u) => { drawMarks(u, options.marks || []); drawNotFinite(u, rows); }],
          setCursor: [(u) => tell(u.cursor.idx)],
          setScale: [(u, key) => { if (key === "x") reset.hidden = !zoomed(u); }] },
      }, values, chart);
      chart.querySelector(".u-wrap").setAttribute("aria-hidden", "true");
      if (zoom) plot.setScale("x", zoom);
      fillControls(log);
      chart.setAttribute("aria-label", describe());
    }

    const reset = make("button", "", "whole run");
    reset.type = "button"; reset.hidden = true;
    reset.addEventListener("click", () => { zoom = null; whole_run(); });
    function whole_run() {
      const x = plot.data[0];
      if (x.length) plot.setScale("x", { min: x[0], max: x[x.length - 1] });
    }
    function zoomed(u) {
      const x = u.data[0], scale = u.scales.x;
      const is = x.length > 1 && (scale.min > x[0] || scale.max < x[x.length - 1]);
      zoom = is ? { min: scale.min, max: scale.max } : null;
      return is;
    }

    function fillControls(log) {
      const focused = controls.contains(document.activeElement) ? document.activeElement.dataset.name : null;
      controls.textContent = "";
      const counts = {};
      lines.forEach((line, index) => {
        const look = dress(line, counts), button = make("button", "series");
        const key = make("span", "key" + (line.kind === "printed" ? " dots" : look.dash ? " dashed" : ""));
        key.style.color = `var(${look.shade})`;
        button.type = "button";
        button.dataset.name = label(line);
        button.append(key, make("span", "", label(line)));
        button.setAttribute("aria-pressed", String(!hidden.has(label(line))));
        button.addEventListener("click", () => {
          hidden.has(label(line)) ? hidden.delete(label(line)) : hidden.add(label(line));
          plot.setSeries(index + 1, { show: !hidden.has(label(line)) });
          button.setAttribute("aria-pressed", String(!hidden.has(label(line))));
          chart.setAttribute("aria-label", describe());
        });
        controls.append(button);
      });
      if (positive()) {
        const toggle = make("button", "", "logarithmic");
        toggle.type = "button"; toggle.dataset.name = "logarithmic";
        toggle.setAttribute("aria-pressed", String(log));
        toggle.addEventListener("click", () => { logarithmic = !log; build(); });
        controls.append(toggle);
      }
      controls.append(reset);
      for (const button of controls.children) if (focused && button.dataset.name === focused) button.focus();
    }

    function tell(index) {
      readout.textContent = "";
      if (index === null || index === undefined || !plot || !lines.length) return;
      const x = plot.data[0][index];
      readout.append(make("span", "", `${options.step || "step"} ${whole(x)}`));
      const epoch = (options.epochs || []).filter((start) => start <= x).length;
      const every = options.epochsEvery || 1, from = (epoch - 1) * every + 1;
      if (epoch) readout.append(make("span", "", every > 1 ? ` · epoch ${from} to ${from + every - 1}` : ` · epoch ${from}`));
      rows.forEach((row) => {
        if (hidden.has(label(row.line))) return;
        let i = nearest(row.x, x);
        if (i < 0) return;
        readout.append(make("span", "", ` · ${label(row.line)} `), make("b", "", number(row.line.values[i])));
      });
    }

    function describe() {
      if (options.describe) return options.describe;
      const shown = lines.filter((line) => !hidden.has(label(line)));
      const told = shown.map((line) => {
        const finite = line.values.filter((v) => v !== null);
        const range = finite.length ? `from ${number(finite[0])} to ${number(finite[finite.length - 1])}` : "no finite value";
        const bad = line.not_finite ? `, ${line.not_finite} of ${line.points} not finite` : "";
        return `${label(line)}: ${range} in ${line.points || line.values.length} values${bad}`;
      });
      return `Line chart. ${told.join(". ")}. Left and right arrow keys read values; plus and minus zoom.`;
    }

    chart.addEventListener("keydown", (event) => {
      const x = plot ? plot.data[0] : [];
      if (!x.length) return;
      const far = event.shiftKey ? Math.max(1, Math.round(x.length / 20)) : 1;
      if (cursor === null) cursor = -1;
      const to = { ArrowRight: cursor + far, ArrowLeft: cursor < 0 ? x.length - 1 : cursor - far, Home: 0, End: x.length - 1 }[event.key];
      if (to !== undefined) {
        cursor = Math.min(Math.max(to, 0), x.length - 1);
        plot.setCursor({ left: plot.valToPos(x[cursor], "x"), top: 10 });
        tell(cursor);
      } else if (event.key === "+" || event.key === "=" || event.key === "-") {
        const { min, max } = plot.scales.x, middle = cursor >= 0 ? x[cursor] : (min + max) / 2;
        const half = (max - min) / 2 * (event.key === "-" ? 2 : 0.5);
        plot.setScale("x", { min: Math.max(x[0], middle - half), max: Math.min(x[x.length - 1], middle + half) });
      } else if (event.key === "Escape") { zoom = null; whole_run(); } else return;
      event.preventDefault();
    });

    const watch = new ResizeObserver(() => {
      if (plot && chart.clientWidth && Math.abs(chart.clientWidth - plot.width) > 1) plot.setSize({ width: chart.clientWidth, height: plot.height });
    });
    const redraw = () => plot && plot.redraw(false, false);
    const beforePrint = () => { if (plot) plot.setSize({ width: Math.min(chart.clientWidth || 660, 660), height: plot.height }); };
    const afterPrint = () => { if (plot) plot.setSize({ width: chart.clientWidth, height: plot.height }); };
    build();
    watch.observe(chart);
    dark.addEventListener("change", redraw);
    printing.addEventListener("change", redraw);
    addEventListener("beforeprint", beforePrint);
    addEventListener("afterprint", afterPrint);
    return {
      update(more, changed) { lines = more; options = { ...options, ...changed }; cursor = null; build(); },
      destroy() {
        watch.disconnect(); dark.removeEventListener("change", redraw); printing.removeEventListener("change", redraw);
        removeEventListener("beforeprint", beforePrint); removeEventListener("afterprint", afterPrint);
        if (plot) plot.destroy();
        root.textContent = "";
      },
      get plot() { return plot; },
    };
  }

  const isPower = (value) => value > 0 && Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;

  // A loss that is constant but for the rounding in which it was printed is drawn flat: the axis spans at least so much
  // of its values, and no two ticks read the same in four digits.
  const LEAST_SPAN = 0.04;

  function yRange(low, high) {
    if (low === null || low === undefined) return [0, 1];
    if (low === high) return low === 0 ? [-0.1, 1] : [low - Math.abs(low) * 0.2, high + Math.abs(high) * 0.2];
    const middle = (low + high) / 2, half = Math.abs(middle) * LEAST_SPAN / 2;
    if (high - low < 2 * half) return [middle - half, middle + half];
    const pad = (high - low) * 0.06;
    return [low >= 0 && low - pad < 0 ? Math.min(0, low - pad / 3) : low - pad, high + pad];
  }

  function nearest(sorted, x) {
    if (!sorted.length) return -1;
    let low = 0, high = sorted.length - 1;
    while (high - low > 1) { const middle = (low + high) >> 1; sorted[middle] <= x ? (low = middle) : (high = middle); }
    return Math.abs(sorted[low] - x) <= Math.abs(sorted[high] - x) ? low : high;
  }

  function drawEpochs(u, epochs, every) {
    const c = u.ctx, ratio = devicePixelRatio || 1, { top, height, left, width } = u.bbox;
    c.save();
    c.strokeStyle = css("--epoch"); c.fillStyle = css("--soft"); c.lineWidth = ratio;
    c.font = `${10 * ratio}px ${css("--text")}`; c.textAlign = "left"; c.textBaseline = "bottom";
    let last = -Infinity;
    epochs.forEach((step, index) => {
      const x = Math.round(u.valToPos(step, "x", true));
      if (x < left - 1 || x > left + width + 1) return;
      c.beginPath(); c.moveTo(x, top); c.lineTo(x, top + height); c.stroke();
      const text = `epoch ${index * every + 1}`;
      if (x > last && x + c.measureText(text).width < left + width) { c.fillText(text, x + 4 * ratio, top + height - 12 * ratio); last = x + c.measureText(text).width + 14 * ratio; }
    });
    c.restore();
  }

  // Onsets and events: a line down, its name above the plot; of names that would overlap the first is written.
  function drawMarks(u, marks) {
    const c = u.ctx, ratio = devicePixelRatio || 1, { top, height, left, width } = u.bbox;
    c.save();
    c.lineWidth = ratio; c.font = `600 ${11 * ratio}px ${css("--text")}`; c.textBaseline = "bottom"; c.textAlign = "left";
    const ends = [-Infinity, -Infinity];
    marks.forEach((mark) => {
      const x = Math.round(u.valToPos(mark.step, "x", true));
      if (x < left - 1 || x > left + width + 1) return;
      c.strokeStyle = c.fillStyle = css(mark.kind === "event" ? "--possible" : "--fault");
      c.setLineDash(mark.kind === "onset" ? [] : [4 * ratio, 3 * ratio]);
      c.beginPath(); c.moveTo(x, top - 3 * ratio); c.lineTo(x, top + height); c.stroke();
      const size = c.measureText(mark.name).width;
      const start = Math.min(x, left + width - size);
      const row = ends.findIndex((end) => start > end);
      if (row >= 0) { c.fillText(mark.name, start, top - (4 + row * 12) * ratio); ends[row] = start + size + 8 * ratio; }
    });
    c.restore();
  }

  // A cross on the lower edge for each value that is NaN or infinite; of those that would run into one another, the first.
  function drawNotFinite(u, rows) {
    const c = u.ctx, ratio = devicePixelRatio || 1, { top, height, left, width } = u.bbox, size = 3.5 * ratio, y = top + height - 6 * ratio;
    const places = rows.flatMap((row) => row.line.values.flatMap((value, i) => (value === null ? [u.valToPos(row.x[i], "x", true)] : [])));
    let last = -Infinity;
    c.save();
    c.strokeStyle = css("--heat-bad"); c.lineWidth = 1.5 * ratio;
    for (const x of Float64Array.from(places).sort()) {
      if (x < left || x > left + width || x < last + 3 * size) continue;
      last = x;
      c.beginPath(); c.moveTo(x - size, y - size); c.lineTo(x + size, y + size);
      c.moveTo(x - size, y + size); c.lineTo(x + size, y - size); c.stroke();
    }
    c.restore();
  }

  function lossChart(root, facts) {
    const settings = (f) => ({ epochs: f.epochs, epochsEvery: f.epochs_every, marks: f.marks, height: 320 });
    const chart = lineChart(root, facts.losses, settings(facts));
    return { update: (f) => chart.update(f.losses, settings(f)), destroy: chart.destroy, get plot() { return chart.plot; } };
  }

  // Heat maps ----------------------------------------------------------------------------------------------------

  const MISSING = 0, ZERO = 1, BAD = 2, LOWEST = 3, HIGHEST = 65535;
  // Cividis (Nuñez, Anderton and Renslow 2018): even in lightness, and the same to colour-blind eyes.
  const STOPS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"]
    .map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));

  function colour(share) {
    const at = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1), low = Math.floor(at), high = Math.min(low + 1, STOPS.length - 1);
    return STOPS[low].map((value, i) => Math.round(value + (STOPS[high][i] - value) * (at - low)));
  }

  function rgb(name) {
    const context = make("canvas").getContext("2d");
    context.fillStyle = css(name); context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }

  function decode(map) {
    const bytes = Uint8Array.from(atob(map.cells), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer), codes = new Uint16Array(bytes.length / 2);
    for (let i = 0; i < codes.length; i++) codes[i] = view.getUint16(2 * i, true);
    return codes;
  }

  function value(map, code) {
    const scale = map.low + (code - LOWEST) / (HIGHEST - LOWEST) * (map.high - map.low);
    return map.logarithmic ? Math.pow(10, scale) : scale;
  }

  function told(map, code) {
    if (code === MISSING) return "not measured";
    if (code === ZERO) return "exactly 0";
    if (code === BAD) return "NaN or infinite";
    return number(value(map, code));
  }

  function heatMap(root, maps) {
    root.textContent = "";
    const controls = make("div", "controls no-print"), figure = make("div", "heat"), canvas = make("canvas");
    const readout = make("div", "readout"), scale = make("div", "scale"), meaning = make("p", "soft small");
    const table = make("details", "more no-print"), holder = make("div", "scroll");
    table.append(make("summary", "", "The same as a table"), holder);
    readout.setAttribute("aria-live", "polite");
    figure.tabIndex = 0;
    figure.setAttribute("role", "group");
    figure.setAttribute("aria-roledescription", "heat map");
    canvas.setAttribute("aria-hidden", "true");
    figure.append(canvas);
    root.append(controls, meaning, figure, readout, scale, table);
    let chosen = 0, codes = null, at = null, box = null;
    const map = () => maps[chosen];

    function choose(index) {
      chosen = Math.min(index, maps.length - 1);
      at = null;
      codes = decode(map());
      readout.textContent = "";
      [...controls.children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
      meaning.textContent = `${map().meaning[0].toUpperCase()}${map().meaning.slice(1)}.`
        + (map().left_out ? ` ${whole(map().left_out)} further rows are not shown.` : "");
      figure.setAttribute("aria-label", `Heat map of ${map().title}: ${map().rows.length} rows, ${map().steps.length} measured steps. Arrow keys read cells; a table follows.`);
      if (table.open) fillTable(); else holder.textContent = "";
      drawScale();
      draw();
    }

    function draw() {
      const m = map(), ratio = devicePixelRatio || 1, width = figure.clientWidth || 600;
      const rows = m.rows.length, columns = m.steps.length;
      const height = Math.round(Math.min(Math.max(rows * 18, 36), 540)), foot = 20;
      canvas.width = width * ratio; canvas.height = (height + foot) * ratio;
      canvas.style.height = `${height + foot}px`;
      const c = canvas.getContext("2d");
      c.scale(ratio, ratio);
      c.font = `11px ${css("--mono")}`;
      const every = Math.max(1, Math.ceil(13 / (height / rows)));
      let gutter = 0;
      for (let r = 0; r < rows; r += every) gutter = Math.max(gutter, c.measureText(m.rows[r].slice(0, 80)).width);
      gutter = Math.min(gutter + 8, width * 0.36);
      box = { left: gutter, width: width - gutter, height, rowHeight: height / rows, columnWidth: (width - gutter) / columns };
      // One pixel may stand for several rows: what is not finite wins, then the larger value.
      const lines = Math.min(rows, height), image = c.createImageData(columns, lines);
      const fixed = { [MISSING]: rgb("--heat-missing"), [ZERO]: rgb("--heat-zero"), [BAD]: rgb("--heat-bad") };
      for (let y = 0; y < lines; y++) {
        const from = Math.floor(y * rows / lines), to = Math.max(from + 1, Math.floor((y + 1) * rows / lines));
        for (let x = 0; x < columns; x++) {
          let code = MISSING;
          for (let r = from; r < to; r++) { const own = codes[r * columns + x]; if (own === BAD) { code = BAD; break; } code = Math.max(code, own); }
          const shade = fixed[code] || colour((code - LOWEST) / (HIGHEST - LOWEST)), p = 4 * (y * columns + x);
          image.data[p] = shade[0]; image.data[p + 1] = shade[1]; image.data[p + 2] = shade[2]; image.data[p + 3] = 255;
        }
      }
      const small = make("canvas");
      small.width = columns; small.height = lines;
      small.getContext("2d").putImageData(image, 0, 0);
      c.imageSmoothingEnabled = false;
      c.drawImage(small, box.left, 0, box.width, height);
      if (box.rowHeight >= 8) {
        c.fillStyle = css("--paper");
        for (let r = 1; r < rows; r++) c.fillRect(box.left, Math.round(r * box.rowHeight), box.width, 1);
      }
      c.fillStyle = css("--soft"); c.textBaseline = "middle"; c.textAlign = "right";
      for (let r = 0; r < rows; r += every) c.fillText(fit(c, m.rows[r], gutter - 8), box.left - 6, Math.max((r + 0.5) * box.rowHeight, 6), gutter - 6);
      c.textBaseline = "top";
      let last = -Infinity;
      for (let x = 0; x < columns; x++) {
        const text = (x === 0 ? "step " : "") + whole(m.steps[x]), size = c.measureText(text).width;
        const centre = Math.min(Math.max(box.left + (x + 0.5) * box.columnWidth, box.left + (x === 0 ? size / 2 : 0)), width - size / 2);
        if (centre - size / 2 < last + 10) continue;
        c.textAlign = "center"; c.fillText(text, centre, height + 6); last = centre + size / 2;
      }
      if (at) {
        c.lineWidth = 2; c.strokeStyle = css("--ink");
        c.strokeRect(box.left + at.x * box.columnWidth, at.y * box.rowHeight, Math.max(box.columnWidth, 3), Math.max(box.rowHeight, 3));
        c.lineWidth = 1; c.strokeStyle = css("--paper");
        c.strokeRect(box.left + at.x * box.columnWidth - 2, at.y * box.rowHeight - 2, Math.max(box.columnWidth, 3) + 4, Math.max(box.rowHeight, 3) + 4);
      }
    }

    function read(x, y) {
      const m = map();
      at = { x: Math.min(Math.max(x, 0), m.steps.length - 1), y: Math.min(Math.max(y, 0), m.rows.length - 1) };
      readout.textContent = "";
      readout.append(make("b", "", m.rows[at.y]), make("span", "", ` · step ${whole(m.steps[at.x])} · `),
        make("b", "", told(m, codes[at.y * m.steps.length + at.x])));
      draw();
    }

    function pointed(event) {
      const bounds = canvas.getBoundingClientRect(), x = event.clientX - bounds.left - box.left, y = event.clientY - bounds.top;
      if (x >= 0 && y >= 0 && y < box.height) read(Math.floor(x / box.columnWidth), Math.floor(y / box.rowHeight));
    }
    canvas.addEventListener("pointermove", pointed);
    canvas.addEventListener("pointerdown", pointed);
    canvas.addEventListener("pointerleave", () => { if (document.activeElement !== figure) { at = null; readout.textContent = ""; draw(); } });
    figure.addEventListener("keydown", (event) => {
      const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
      const m = map(), far = event.shiftKey ? 10 : 1;
      if (way) read(at ? at.x + way[0] * far : 0, at ? at.y + way[1] * far : 0);
      else if (event.key === "Home") read(0, at ? at.y : 0);
      else if (event.key === "End") read(m.steps.length - 1, at ? at.y : 0);
      else return;
      event.preventDefault();
    });

    function drawScale() {
      const m = map(), bar = make("canvas"), range = make("span");
      scale.textContent = "";
      bar.width = 144; bar.height = 1;
      bar.setAttribute("aria-hidden", "true");
      const c = bar.getContext("2d");
      for (let x = 0; x < 144; x++) { c.fillStyle = `rgb(${colour(x / 143)})`; c.fillRect(x, 0, 1, 1); }
      const ends = [m.low, m.high].map((v) => number(m.logarithmic ? Math.pow(10, v) : v));
      range.append(make("span", "", ends[0]), bar, make("span", "", ends[1] + (m.logarithmic ? ", logarithmic" : "")));
      if (codes.some((code) => code >= LOWEST)) scale.append(range);
      for (const [name, code, text] of [["zero", ZERO, "exactly 0"], ["bad", BAD, "NaN or infinite"], ["missing", MISSING, "not measured"]]) {
        if (!codes.includes(code)) continue;
        const item = make("span");
        item.append(make("span", `swatch ${name}`), make("span", "", text));
        scale.append(item);
      }
    }

    // Made only when it is opened: a thousand rows cost time.
    function fillTable() {
      const m = map(), made = make("table", "stack"), head = make("tr"), columns = m.steps.length;
      const names = ["row", "first", "least", "most", "last", "exactly 0", "NaN or infinite"];
      made.append(make("caption", "", `${m.title}: ${m.meaning}, steps ${whole(m.steps[0])} to ${whole(m.steps[columns - 1])}`));
      names.forEach((name, i) => { const cell = make("th", i ? "number" : "", name); cell.scope = "col"; head.append(cell); });
      const thead = make("thead"), body = make("tbody");
      thead.append(head);
      m.rows.forEach((name, r) => {
        const own = codes.subarray(r * columns, (r + 1) * columns), measured = [...own].filter((code) => code !== MISSING);
        const scaled = measured.filter((code) => code !== BAD), row = make("tr"), first = make("th", "", name);
        first.scope = "row";
        row.append(first);
        const least = scaled.length ? Math.min(...scaled) : null, most = scaled.length ? Math.max(...scaled) : null;
        const cells = [measured[0], least, most, measured[measured.length - 1]].map((code) => (code === null || code === undefined ? "–" : told(m, code)));
        cells.push(String(measured.filter((code) => code === ZERO).length), String(measured.filter((code) => code === BAD).length));
        cells.forEach((text, i) => { const cell = make("td", "number", text); cell.dataset.label = names[i + 1]; row.append(cell); });
        body.append(row);
      });
      made.append(thead, body);
      holder.textContent = "";
      holder.append(made);
    }
    table.addEventListener("toggle", () => { if (table.open && !holder.firstChild) fillTable(); });

    function fillControls() {
      controls.textContent = "";
      maps.forEach((m, index) => {
        const button = make("button", "", m.title);
        button.type = "button";
        button.addEventListener("click", () => choose(index));
        controls.append(button);
      });
    }
    const watch = new ResizeObserver(() => { if (box && Math.abs(figure.clientWidth - box.left - box.width) > 1) draw(); });
    const redraw = () => { drawScale(); draw(); };
    fillControls();
    choose(0);
    watch.observe(figure);
    dark.addEventListener("change", redraw);
    return {
      update(more) {
        const before = map().name;
        maps = more;
        fillControls();
        choose(Math.max(maps.findIndex((m) => m.name === before), 0));
      },
      destroy() { watch.disconnect(); dark.removeEventListener("change", redraw); root.textContent = ""; },
    };
  }

  // Longer names keep their end, which tells layers apart.
  function fit(context, text, width) {
    if (context.measureText(text).width <= width) return text;
    let cut = text;
    while (cut.length > 3 && context.measureText("…" + cut).width > width) cut = cut.slice(1);
    return "…" + cut;
  }

  return { lossChart, lineChart, heatMap, number, make };
})();
