/** @file The training as it goes: numbers, progress, curves and a row for each epoch. */

/** @import { EpochEvent, ProgressEvent, TrainingEvent } from "./protocol.js" */
/** @import { Series } from "./curves.js" */

import { drawChart } from "./curves.js";
import { byId, element } from "./dom.js";
import { decimals, duration, grouped, percent } from "./format.js";

const progress = byId("progress", HTMLProgressElement);
const state = byId("state", HTMLParagraphElement);
const rows = byId("epoch-rows", HTMLTableSectionElement);

/** @type {{loss: Series, accuracy: Series}} */
let curves = empty();
let epochs = 1;
/** @type {ProgressEvent | null} */
let newest = null;
let queued = false;
/** The newest speeds: one that a validation fell into says nothing of the time left. */
/** @type {number[]} */
let speeds = [];

/** @param {number} planned Epochs of the training that begins. */
export function beginTraining(planned) {
  curves = empty();
  epochs = Math.max(planned, 1);
  speeds = [];
  newest = null;
  rows.replaceChildren();
  byId("epochs-details", HTMLDetailsElement).hidden = true;
  for (const name of ["epoch", "step", "loss", "accuracy", "speed", "left"]) fact(name, "–");
  // No value yet: the first step waits for shaders to be compiled.
  progress.removeAttribute("value");
  draw();
}

/** @param {TrainingEvent} event */
export function takeEvent(event) {
  if (event.type === "progress") takeProgress(event);
  else takeEpoch(event);
  redraw();
}

/**
 * What happens now, in words.
 * @param {string} text
 */
export function showState(text) {
  state.textContent = text;
}

/** @param {number} share Of the training that is done. */
export function endTraining(share) {
  draw();
  newest = null;
  fact("left", "–");
  progress.value = share;
}

/** @param {ProgressEvent} event */
function takeProgress(event) {
  const x = (event.step / event.steps) * epochs;
  curves.loss.steps.push([x, event.loss]);
  curves.accuracy.steps.push([x, event.accuracy]);
  if (!newest) showState("Training.");
  newest = event;
  speeds = [...speeds, event.imagesPerSecond].slice(-9);
}

/** @param {EpochEvent} event */
function takeEpoch(event) {
  curves.loss.training.push([event.epoch, event.trainLoss]);
  curves.accuracy.training.push([event.epoch, event.trainAccuracy]);
  if (event.validLoss !== null) curves.loss.validation.push([event.epoch, event.validLoss]);
  if (event.validAccuracy !== null) curves.accuracy.validation.push([event.epoch, event.validAccuracy]);
  const cells = [
    String(event.epoch),
    decimals(event.trainLoss, 4),
    percent(event.trainAccuracy),
    decimals(event.validLoss, 4),
    percent(event.validAccuracy),
    decimals(event.seconds, 2),
  ];
  rows.append(element("tr", {}, ...cells.map((cell) => element("td", {}, cell))));
  byId("epochs-details", HTMLDetailsElement).hidden = false;
}

/** Draws at the next frame: steps may come faster than the screen shows them. */
function redraw() {
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    draw();
  });
}

function draw() {
  if (newest) {
    progress.value = newest.step / newest.steps;
    fact("epoch", `${newest.epoch} of ${epochs}`);
    fact("step", `${grouped(newest.step)} of ${grouped(newest.steps)}`);
    fact("loss", decimals(newest.loss, 3));
    fact("accuracy", percent(newest.accuracy, 1));
    fact("speed", grouped(newest.imagesPerSecond));
    const imagesLeft = (newest.images / newest.step) * (newest.steps - newest.step);
    fact("left", duration(imagesLeft / median(speeds)));
  }
  drawChart(byId("loss-chart", HTMLElement), "Loss, logarithmic", "loss", curves.loss, epochs);
  drawChart(byId("accuracy-chart", HTMLElement), "Accuracy", "accuracy", curves.accuracy, epochs);
}

/**
 * @param {string} name
 * @param {string} text
 */
function fact(name, text) {
  byId(`fact-${name}`, HTMLElement).textContent = text;
}

/** @param {number[]} values */
function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function empty() {
  /** @returns {Series} */
  const series = () => ({ steps: [], training: [], validation: [] });
  return { loss: series(), accuracy: series() };
}

draw();
