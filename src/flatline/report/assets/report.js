// Draws the charts of the report from the data that stand in the page.
"use strict";
(function () {
  const facts = JSON.parse(document.getElementById("facts").textContent);
  const at = (id) => document.getElementById(id);
  if (at("loss")) flatline.lossChart(at("loss"), facts);
  if (at("layers")) flatline.heatMap(at("layers"), facts.heat_maps);
  if (at("rates")) flatline.lineChart(at("rates"), facts.rates, { height: 180, logarithmicFrom: 30 });
  for (const root of document.querySelectorAll(".trial")) {
    const trial = facts.trials.find((one) => one.cause === root.dataset.cause);
    if (trial) flatline.lineChart(root, trial.curves, { height: 220 });
  }
  const copy = at("copy");
  if (copy) copy.addEventListener("click", () => {
    const told = (done) => { copy.textContent = done ? "copied" : "select and copy"; };
    // A page opened as a file may not use the clipboard everywhere.
    const selection = () => { getSelection().selectAllChildren(at("command")); told(document.execCommand("copy")); };
    if (navigator.clipboard) navigator.clipboard.writeText(at("command").textContent).then(() => told(true), selection);
    else selection();
  });
  document.documentElement.dataset.drawn = "yes";
  performance.mark("flatline-drawn");
})();
