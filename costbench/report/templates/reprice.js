"use strict";
// What a cell costs at other prices: as costbench/analysis/repricing.py, digit by digit.
// No DOM and no imports. `null` is what nobody knows; it is never 0.

// cell: `repricing` of a cell in the report's JSON. assumptions: as `repricing` of the report.
// Gives {value, low, high} by the name of the figure.
function reprice(cell, assumptions) {
  const hour = (assumptions.usd_per_unit_hour ?? {})[cell.paid_by] ?? null;
  const { pue, utilization, usd_per_kwh, gco2e_per_kwh } = assumptions;
  const usd = {
    unit_hours: hour === null ? null : hour / utilization,
    fixed_usd: 1,
    kwh: "unit_hours" in cell.totals ? pue * usd_per_kwh : 0, // tokens have their power in their price
    wrong: assumptions.usd_per_wrong_answer,
  };
  const carbon = { kwh: gco2e_per_kwh === null ? null : pue * gco2e_per_kwh };
  const bounded = cell.correct_at_most !== null;
  return {
    usd_per_attempt: withWrong(cell, cell.per_attempt, usd),
    usd_per_correct: bounded ? boundOf(cell, usd) : withWrong(cell, cell.per_correct, usd),
    gco2e_per_attempt: mixOf(cell, cell.per_attempt, carbon),
    gco2e_per_correct: bounded ? boundOf(cell, carbon) : mixOf(cell, cell.per_correct, carbon),
  };
}

// Wrong answers make nothing cheaper, and where none was seen there may be some all the same.
function withWrong(cell, per, weights) {
  const found = mixOf(cell, per, weights);
  if (found.low === null) return found;
  const plain = mixOf(cell, per, { ...weights, wrong: 0 });
  const low = Math.max(found.low, plain.low ?? 0);
  const high = found.high === null ? null : found.high + weights.wrong * per.unseen_wrong;
  return estimateOf(found.value, low, high);
}

// A weighted sum of what was used, over attempts or correct answers, with its interval.
function mixOf(cell, per, weights) {
  const costs = costsOf(cell, weights);
  if (per === null || costs === null) return estimateOf(null);
  const top = sumOf(Object.values(costs));
  const value = top / per.under;
  const squares = per.unless[Object.keys(costs).join("+")] ?? per.usual;
  if (squares.problems < 2) return estimateOf(value); // of one nothing is known about the next
  const shares = per.components.map((name) => (top ? (costs[name] ?? 0) / top : 0));
  const metered = top ? (cell.meter * (costs.kwh ?? 0)) / top : 0;
  const square =
    squares.unseen +
    formOf(squares.between_problems, shares) +
    Math.max(0, formOf(squares.between_passes, shares)) +
    metered ** 2;
  const half = Math.sqrt(Math.max(0, square));
  if (half > 100) return estimateOf(value, 0); // it says nothing
  return estimateOf(value, value * Math.exp(-half), value * Math.exp(half));
}

// Nothing was correct: at least this for each that may be.
function boundOf(cell, weights) {
  const costs = costsOf(cell, weights);
  if (costs === null) return estimateOf(null);
  return estimateOf(null, sumOf(Object.values(costs)) / cell.correct_at_most);
}

// Of each component that costs something; null where one is not known.
function costsOf(cell, weights) {
  const found = {};
  for (const [name, total] of Object.entries(cell.totals)) {
    const weight = name in weights ? weights[name] : 0;
    if (weight === 0) continue;
    if (weight === null || total === null) return null;
    if (total !== 0) found[name] = weight * total;
  }
  return found;
}

function formOf(matrix, shares) {
  return sumOf(matrix.map((row, i) => sumOf(row.map((each, j) => shares[i] * shares[j] * each))));
}

function sumOf(numbers) {
  return numbers.reduce((sum, each) => sum + each, 0);
}

// Ten significant digits, as all figures of a report have.
function estimateOf(value, low = null, high = null) {
  const rounded = (x) => (x === null || !Number.isFinite(x) ? x : Number(exponential(x, 9)));
  return { value: rounded(value), low: rounded(low), high: rounded(high) };
}

// As Python's f"{value:.{digits}e}": halves go to the even digit, where toExponential takes them up.
// No double is so near to a half of ten digits that 60 cannot tell it from one.
function exponential(value, digits) {
  const half = new RegExp(`^(-?\\d\\.\\d{${digits - 1}}[02468])50*(e.*)$`);
  const exact = half.exec(value.toExponential(60));
  const text = exact ? exact[1] + exact[2] : value.toExponential(digits);
  return text.replace(/e([+-])(\d)$/, (_, sign, digit) => `e${sign}0${digit}`);
}

// Three significant digits, as costbench/report/wording.py `number`.
function formatNumber(value) {
  if (value === null || Number.isNaN(value)) return "n/a";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  const rounded = exponential(value, 2);
  const exponent = Number(rounded.split("e")[1]);
  if (exponent < -4 || exponent > 8) return rounded;
  const [whole, ...decimals] = Number(rounded).toFixed(Math.max(0, 2 - exponent)).split(".");
  return [whole.replace(/\B(?=(\d{3})+$)/g, ","), ...decimals].join(".");
}

// As `estimate` there: "0.912 [0.894, 0.928]", or "> 3.10" where only a lower bound is known.
function formatEstimate({ value, low, high }, scale = 1) {
  const scaled = (x) => (x === null ? null : x * scale);
  if (value === null) return low === null ? "n/a" : `> ${formatNumber(scaled(low))}`;
  if (low === null && high === null) return formatNumber(scaled(value));
  const most = high === null ? "inf" : formatNumber(scaled(high));
  return `${formatNumber(scaled(value))} [${formatNumber(scaled(low))}, ${most}]`;
}
