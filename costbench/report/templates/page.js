"use strict";
// The axis and the prices that a reader chooses: points and figures are written anew, words never.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const data = read("data");
  const state = { x: data.x, assumptions: structuredClone(data.assumptions), changed: false };
  const PRICED = { usd: "usd_per_attempt", gco2e: "gco2e_per_attempt" };

  // Cost of an attempt as [value, low, high] in SI units, USD or gCO2e.
  function costOf(cell, x) {
    if (!state.changed || !(x in PRICED)) return cell.cost[x];
    if (cell.usage === null) return [null, null, null];
    const { value, low, high } = reprice(cell.usage, state.assumptions)[PRICED[x]];
    return [value, low, high];
  }

  const times = (bounds, factor) => bounds.map((each) => (each === null ? null : each * factor));

  // At least as accurate and as cheap, and better in one (costbench/analysis/pareto.py).
  const beats = (a, b) =>
    a.x[0] <= b.x[0] && a.y[0] >= b.y[0] && (a.x[0] < b.x[0] || a.y[0] > b.y[0]);

  // Cells with both figures, and whether they are on the frontier: as the report has it at its own prices.
  function placed(cells, x, factor = 1) {
    const found = cells
      .map((cell) => ({ cell, x: times(costOf(cell, x), factor), y: times(cell.accuracy, 100) }))
      .filter((each) => each.x[0] && each.y[0] !== null);
    const own = (cell) => (state.changed && x in PRICED ? null : cell.on_frontier[x]);
    return found.map((each) => ({
      ...each,
      on_frontier: own(each.cell) ?? !found.some((other) => beats(other, each)),
    }));
  }

  function points(cells, axis) {
    return placed(cells, state.x, axis.factor).map(({ cell, x, y, on_frontier }) => {
      const accuracy = `${y[0].toFixed(1)} %`;
      const cost = `${formatNumber(x[0])} ${axis.per}`;
      const { name, model, policy, load, budget } = cell;
      return {
        name, model, policy, load, budget, on_frontier, accuracy, cost,
        x: x[0], x_low: x[1], x_high: x[2], y: y[0], y_low: y[1], y_high: y[2],
        said: `${name}: accuracy ${accuracy}, ${cost}${on_frontier ? ", on the frontier" : ""}`,
      };
    });
  }

  // Names of frontier points stand below each other where the points are near; of many only what tells most.
  function shelve(rows, [least, most]) {
    const named = rows.filter((row) => row.on_frontier).sort((a, b) => a.x - b.x);
    named.forEach((row, at) => {
      const near = named.slice(0, at).filter((other) =>
        Math.log(row.x / other.x) < 0.3 * Math.log(most / least) && Math.abs(row.y - other.y) < 12);
      row.label = named.length <= 5 ? row.name : row.budget === null ? row.model : `@${row.budget}`;
      row.label_dy = row.y > 50 ? 17 + 17 * near.length : -12 - 17 * near.length;
    });
    return rows;
  }

  function ends(rows) {
    const all = rows.flatMap((row) => [row.x, row.x_low, row.x_high]).filter((x) => x > 0);
    return all.length ? [Math.min(...all) / 1.25, Math.max(...all) * 1.25] : [1, 10];
  }

  // Lines of equal cost per correct answer, at round numbers around the points' own.
  function equalCosts(rows, [least, most], unit) {
    const own = rows.filter((row) => row.y > 0).map((row) => (100 * row.x) / row.y);
    const from = Math.max(Math.min(...own) * 0.8, least * 1.2);
    const to = Math.min(Math.max(...own) * 1.5, (most * 100) / 12);
    const round = [];
    for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power += 1) {
      for (const digit of [1, 2, 5]) round.push({ digit, cost: Number(`${digit}e${power}`) });
    }
    const inside = round.filter(({ cost }) => cost >= from && cost <= to);
    const few = inside.length > 6 ? inside.filter(({ digit }) => digit === 1) : inside;
    return few.map(({ cost }) => ({ cost, label: `${cost.toLocaleString("en-US", { maximumSignificantDigits: 3 })} ${unit}` }));
  }

  const views = [];
  const drawable = data.sections.map((section, part) => {
    const place = document.querySelector(`.chart[data-part="${part}"]`);
    if (!place) return null; // no reference answers: there is no accuracy to draw
    const spec = { ...read(`spec-${part}`), datasets: { points: [], equal: [] } };
    const options = { actions: false, renderer: "svg", ast: true, defaultStyle: false };
    return window.vegaEmbed(place, spec, options).then(({ view }) => { views[part] = view; });
  });

  function draw() {
    const axis = data.axes[state.x];
    if (!axis) return; // nothing is known of any cost
    data.sections.forEach((section, part) => {
      if (!views[part]) return;
      const rows = points(section.cells, axis);
      const span = ends(rows);
      const view = views[part].signal("least", span[0]).signal("most", span[1]);
      view.data("points", shelve(rows, span)).data("equal", equalCosts(rows, span, axis.unit)).run();
      const none = rows.length ? "" : ": not known, or nothing was graded; a price can be put in above";
      document.querySelector(`.axis[data-part="${part}"]`).textContent = axis.title + none;
    });
  }

  // Figures of the tables; those of the report stand there as they were written.
  const figures = [...document.querySelectorAll("[data-figure]")];
  const written = figures.map((each) => each.textContent);

  function figureOf(part, cell, figure) {
    const { cells } = data.sections[part];
    const { usage } = cells[cell];
    if (figure === "frontier") {
      if (data.frontier_metric !== "usd") return null;
      return placed(cells, "usd").some((each) => each.cell === cells[cell] && each.on_frontier) ? "●" : "–";
    }
    if (usage === null) return "n/a";
    const found = reprice(usage, state.assumptions)[`${figure}_per_correct`];
    const shown = figure === "usd" || found.value === null ? found : { ...found, low: null, high: null };
    return formatEstimate(shown, data.factors[figure]);
  }

  function tell() {
    figures.forEach((each, at) => {
      const { part, cell, figure, sign } = each.dataset;
      const text = state.changed ? figureOf(part, cell, figure) : null;
      each.textContent = text === null ? written[at] : text === "n/a" ? text : sign + text;
      each.classList.toggle("changed", text !== null && text !== written[at]);
    });
    document.getElementById("whose").textContent = state.changed
      ? `By your own prices (${own().join("; ")}): USD and carbon per correct answer and the frontier, in tables ` +
        "and charts of this section. Verdict, comparisons and all else stay as measured and priced by the report."
      : "";
  }

  // What the reader has put in, in words.
  function own() {
    return data.sliders.flatMap((slider, at) => {
      const { key, paid_by } = slider;
      const of = (from) => (paid_by === null ? from[key] : from[key][paid_by]);
      return of(state.assumptions) === of(data.assumptions) ? [] : [`${slider.label} ${outputs[at].textContent}`];
    });
  }

  const outputs = data.sliders.map((_, at) => document.querySelector(`output[for="slider-${at}"]`));
  const inputs = data.sliders.map((slider, at) => {
    const input = document.getElementById(`slider-${at}`);
    const show = () => {
      const text = input.dataset.set ? `${formatNumber(slider.stops[input.value])} ${slider.unit}` : `not set, ${slider.unit}`;
      outputs[at].textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    const reset = () => {
      const own = slider.stops.indexOf(slider.headline);
      input.value = own < 0 ? Math.floor(slider.stops.length / 2) : own;
      input.dataset.set = own < 0 ? "" : "1";
      show();
    };
    input.addEventListener("input", () => {
      const value = slider.stops[input.value];
      input.dataset.set = "1";
      if (slider.paid_by === null) state.assumptions[slider.key] = value;
      else state.assumptions[slider.key][slider.paid_by] = value;
      show();
      update();
    });
    reset();
    return reset;
  });

  function update() {
    state.changed = JSON.stringify(state.assumptions) !== JSON.stringify(data.assumptions);
    tell();
    draw();
  }

  document.body.classList.add("scripts");
  document.querySelectorAll(".scripted").forEach((each) => { each.hidden = false; });
  document.getElementById("axes").addEventListener("change", (event) => {
    state.x = event.target.value;
    draw();
    document.getElementById("told").textContent = `Shown: ${data.axes[state.x].title}`;
  });
  const prices = document.getElementById("prices");
  if (prices) prices.open = window.innerWidth > 800;
  document.getElementById("reset")?.addEventListener("click", () => {
    state.assumptions = structuredClone(data.assumptions);
    inputs.forEach((reset) => reset());
    update();
  });
  Promise.all(drawable).then(update).then(() => document.body.classList.add("ready"));
})();
