"use strict";
// The axis and the prices that a reader chooses: points and figures are written anew, the words never.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const data = read("data");
  const state = { x: data.x };
  const ROUND = [1, 2, 5];

  const times = (bounds, factor) => bounds.map((each) => (each === null ? null : each * factor));

  function points(cells, axis) {
    const found = cells
      .map((cell) => ({ cell, x: times(cell.cost[state.x], axis.factor), y: times(cell.accuracy, 100) }))
      .filter(({ x, y }) => x[0] && y[0] !== null);
    return found.map(({ cell, x, y }) => ({
      name: cell.name, model: cell.model, policy: cell.policy, load: cell.load, budget: cell.budget,
      x: x[0], x_low: x[1], x_high: x[2], y: y[0], y_low: y[1], y_high: y[2],
      on_frontier: !found.some((other) => beats(other, { x, y })),
    }));
  }

  // Names of frontier points stand below each other where the points are near.
  function shelve(rows, [least, most]) {
    const named = rows.filter((row) => row.on_frontier).sort((a, b) => a.x - b.x);
    named.forEach((row, at) => {
      const near = named.slice(0, at).filter((other) =>
        Math.log(row.x / other.x) < 0.3 * Math.log(most / least) && Math.abs(row.y - other.y) < 12);
      row.label_dy = row.y > 50 ? 17 + 14 * near.length : -12 - 14 * near.length;
    });
    return rows;
  }

  // At least as accurate and cheaper, or more accurate and no dearer (costbench/analysis/pareto.py).
  const beats = (a, b) =>
    a.x[0] <= b.x[0] && a.y[0] >= b.y[0] && (a.x[0] < b.x[0] || a.y[0] > b.y[0]);

  function ends(rows) {
    const all = rows.flatMap((row) => [row.x, row.x_low, row.x_high]).filter((x) => x > 0);
    return all.length ? [Math.min(...all) / 1.25, Math.max(...all) * 1.25] : [1, 10];
  }

  // Lines of equal cost per correct answer, at round numbers around the points' own.
  function equalCosts(rows, [least, most], unit) {
    const own = rows.filter((row) => row.y > 0).map((row) => (100 * row.x) / row.y);
    const from = Math.max(Math.min(...own) * 0.8, least * 1.2);
    const to = Math.min(Math.max(...own) * 1.5, (most * 100) / 12);
    const found = [];
    for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power += 1) {
      for (const digit of ROUND) found.push(Number(`${digit}e${power}`));
    }
    const inside = found.filter((cost) => cost >= from && cost <= to);
    const few = inside.length > 6 ? inside.filter((cost) => String(cost.toExponential())[0] === "1") : inside;
    return few.map((cost) => ({ cost, label: `${cost} ${unit}` }));
  }

  const views = [];
  const loaded = data.sections.map((section, part) => {
    const place = document.querySelector(`.chart[data-part="${part}"]`);
    const spec = read(`spec-${part}`);
    spec.datasets = { points: [], equal: [] };
    return window.vegaEmbed(place, spec, { actions: false, renderer: "svg", ast: true, defaultStyle: false })
      .then((result) => { views[part] = result.view; });
  });

  function draw() {
    const axis = data.axes[state.x];
    data.sections.forEach((section, part) => {
      const rows = points(section.cells, axis);
      const span = ends(rows);
      const view = views[part];
      view.signal("least", span[0]).signal("most", span[1]);
      view.data("points", shelve(rows, span)).data("equal", equalCosts(rows, span, axis.unit)).run();
      document.querySelector(`.axis[data-part="${part}"]`).textContent = axis.title;
    });
  }

  document.body.classList.add("scripts");
  document.querySelectorAll(".scripted").forEach((each) => { each.hidden = false; });
  document.getElementById("axes").addEventListener("change", (event) => {
    state.x = event.target.value;
    draw();
    document.getElementById("told").textContent = `Shown: ${data.axes[state.x].title}`;
  });
  Promise.all(loaded).then(draw);
})();
