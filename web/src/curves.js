/** @file A live chart in SVG: faint single steps behind the points of each epoch. */

import { element, svg } from "./dom.js";
import { percent } from "./format.js";

/** @typedef {[x: number, y: number]} Point */

/**
 * What a chart shows; `x` counts epochs.
 * @typedef {object} Series
 * @property {Point[]} steps
 * @property {Point[]} training
 * @property {Point[]} validation
 */

/** Which scale: a logarithmic one of losses, or shares in percent. */
/** @typedef {"loss" | "accuracy"} Scale */

const [WIDTH, HEIGHT] = [420, 260];
const [LEFT, RIGHT, TOP, BOTTOM] = [52, 410, 12, 222];
/** More points than this are thinned out: the screen has no more columns. */
const MOST_POINTS = 300;

/**
 * Draws the chart anew into `figure`.
 * @param {HTMLElement} figure
 * @param {string} title
 * @param {Scale} scale
 * @param {Series} series
 * @param {number} epochs The right end of the horizontal axis.
 */
export function drawChart(figure, title, scale, series, epochs) {
  const steps = thinned(series.steps);
  const values = [...steps, ...series.training, ...series.validation].map(([, y]) => y);
  const axis = scale === "loss" ? lossAxis(values) : accuracyAxis(values);
  const x = (/** @type {number} */ epoch) => LEFT + (epoch / epochs) * (RIGHT - LEFT);
  const y = (/** @type {number} */ value) => {
    const share = Math.min(Math.max(axis.place(value), 0), 1);
    return BOTTOM - share * (BOTTOM - TOP);
  };

  const grid = axis.ticks.flatMap(([value, label]) => [
    svg("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: y(value), y2: y(value) }),
    svg("text", { class: "tick left", x: LEFT - 7, y: y(value) }, label),
  ]);
  const marks = epochTicks(epochs).map((epoch) =>
    svg("text", { class: "tick", x: x(epoch), y: BOTTOM + 16 }, String(epoch)),
  );
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": spoken(title, scale, series) },
    ...grid,
    svg("line", { class: "axis", x1: LEFT, x2: RIGHT, y1: BOTTOM, y2: BOTTOM }),
    ...marks,
    svg("text", { class: "tick end", x: RIGHT, y: HEIGHT - 6 }, epochs === 1 ? "epoch" : "epochs"),
    ...line("steps", steps, x, y, false),
    ...line("training", series.training, x, y, true),
    ...line("validation", series.validation, x, y, true),
  );
  figure.replaceChildren(element("figcaption", {}, title), drawing);
}

/**
 * What the chart says to who does not see it.
 * @param {string} title
 * @param {Scale} scale
 * @param {Series} series
 */
function spoken(title, scale, series) {
  const shown = (/** @type {number} */ value) =>
    scale === "loss" ? value.toPrecision(3) : percent(value, 1);
  const ends = /** @type {const} */ (["steps", "training", "validation"]).flatMap((name) => {
    const last = series[name].at(-1);
    return last ? [`${name} at ${shown(last[1])}`] : [];
  });
  return `${title}: ${ends.length > 0 ? ends.join(", ") : "nothing yet"}`;
}

/**
 * @param {string} name
 * @param {Point[]} points
 * @param {(epoch: number) => number} x
 * @param {(value: number) => number} y
 * @param {boolean} dotted Mark each point: one alone makes no line.
 */
function line(name, points, x, y, dotted) {
  const placed = points.map(([epoch, value]) => [x(epoch).toFixed(1), y(value).toFixed(1)]);
  const path = svg("path", { class: `line ${name}`, d: placed.length > 0 ? `M${placed.join("L")}` : "" });
  const dots = placed.map(([cx, cy]) =>
    svg("circle", { class: `dot ${name}`, cx: cx ?? 0, cy: cy ?? 0, r: 3.5 }),
  );
  return dotted ? [path, ...dots] : [path];
}

/**
 * Means of neighbours, so that no more than `MOST_POINTS` are left.
 * @param {Point[]} points
 * @returns {Point[]}
 */
export function thinned(points) {
  const width = Math.ceil(points.length / MOST_POINTS);
  if (width <= 1) return points;
  /** @type {Point[]} */
  const means = [];
  for (let start = 0; start < points.length; start += width) {
    const chunk = points.slice(start, start + width);
    const mean = (/** @type {0 | 1} */ part) =>
      chunk.reduce((sum, point) => sum + point[part], 0) / chunk.length;
    means.push([mean(0), mean(1)]);
  }
  return means;
}

/** @typedef {{place: (value: number) => number, ticks: [number, string][]}} Axis */

/**
 * Logarithmic, with round numbers as ticks.
 * @param {number[]} values
 * @returns {Axis}
 */
function lossAxis(values) {
  const known = values.filter((value) => value > 0 && Number.isFinite(value));
  const lowest = Math.max(known.length > 0 ? Math.min(...known) : 0.1, 1e-6);
  const highest = Math.max(known.length > 0 ? Math.max(...known) : 2.5, lowest * 2);
  const [from, to] = [Math.log(lowest * 0.8), Math.log(highest * 1.2)];
  /** @type {[number, string][]} */
  const ticks = [];
  for (let power = -6; power <= 4; power++) {
    for (const digit of to - from > Math.log(300) ? [1] : [1, 2, 5]) {
      const value = digit * 10 ** power;
      if (Math.log(value) >= from && Math.log(value) <= to) ticks.push([value, String(+value.toPrecision(1))]);
    }
  }
  return { place: (value) => (Math.log(Math.max(value, 1e-9)) - from) / (to - from), ticks };
}

/**
 * From where most of the training lies up to the best.
 * @param {number[]} values
 * @returns {Axis}
 */
function accuracyAxis(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const settled = sorted[Math.floor(sorted.length * 0.1)] ?? 0;
  const highest = sorted.at(-1) ?? 1;
  const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1].find((step) => (highest - settled) / step <= 5) ?? 0.2;
  const from = Math.max(Math.floor(settled / step - 0.5) * step, 0);
  const to = Math.min(Math.ceil(highest / step + 0.2) * step, 1);
  /** @type {[number, string][]} */
  const ticks = [];
  for (let count = 0; from + count * step <= to + step / 1000; count++) {
    const value = from + count * step;
    ticks.push([value, percent(value, step < 0.01 ? 1 : 0)]);
  }
  return { place: (value) => (value - from) / Math.max(to - from, 1e-9), ticks };
}

/** @param {number} epochs */
function epochTicks(epochs) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((step) => epochs / step <= 8) ?? 1000;
  return Array.from({ length: Math.floor(epochs / step) + 1 }, (_, place) => place * step);
}
