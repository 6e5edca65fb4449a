/** @file The drawing or photograph, what the network is given of it, and the probabilities as bars. */

/** @import { Engine } from "./engine.js" */
/** @import { Prediction } from "./protocol.js" */

import { byId, element, reason } from "./dom.js";
import { percent } from "./format.js";
import { photograph } from "./image_files.js";
import { Photo } from "./photo.js";
import { paint } from "./pictures.js";
import { SketchPad } from "./sketch_pad.js";

const prepared = byId("prepared", HTMLCanvasElement);
const verdict = byId("verdict", HTMLParagraphElement);
const probabilities = byId("probabilities", HTMLDivElement);

/** What a drawing waits for when there is no network, or none that can be asked now. */
const UNTRAINED = "Train a network, or load weights, then draw.";
const INVITATION = "Draw with the mouse or a finger, or show a photo.";

/** @type {Engine | null} */
let engine = null;
/** Names of the classes once there is a network to ask. */
/** @type {string[] | null} */
let names = null;
let waiting = UNTRAINED;
/** One request at a time; what was drawn meanwhile is asked after it. */
let busy = false;
let again = false;

const photo = new Photo();
const file = byId("photo-file", HTMLInputElement);
const pad = new SketchPad(byId("pad", HTMLCanvasElement), byId("pen", HTMLElement), () => void read());

/** @param {Engine} worker */
export function startDrawing(worker) {
  engine = worker;
  byId("clear", HTMLButtonElement).addEventListener("click", () => {
    photo.clear();
    pad.clear();
  });
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    if (chosen) void readPhoto(chosen);
    // The same file can be chosen again.
    file.value = "";
  });
  byId("camera", HTMLButtonElement).addEventListener("click", () => void useCamera());
  showBars(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], null);
  showVerdict(UNTRAINED);
}

/**
 * There is a network to ask, with classes of these names.
 * @param {string[]} classNames
 */
export function enableDrawing(classNames) {
  names = classNames;
  showBars(classNames, null);
  showVerdict(INVITATION);
  void read();
}

/**
 * There is none for now.
 * @param {string} [why]
 */
export function disableDrawing(why = UNTRAINED) {
  names = null;
  waiting = why;
  showVerdict(why);
}

/**
 * Shows a photograph in place of the drawing and reads it.
 * @param {File} chosen
 */
export async function readPhoto(chosen) {
  try {
    photo.show(await photograph(chosen));
    await read();
  } catch (error) {
    showVerdict(`${chosen.name} could not be read: ${reason(error)}`);
  }
}

async function useCamera() {
  try {
    if (!photo.isFilming) {
      await photo.film();
      return showVerdict("Hold what is to be read before the camera, then press “Take the photo”.");
    }
    if (photo.take()) await read();
  } catch (error) {
    photo.clear();
    showVerdict(`The camera gives no photo: ${reason(error)}`);
  }
}

/** What is to be read now: the photograph that is shown, else what was drawn. */
function picture() {
  return photo.pixels ?? (pad.drawn && !photo.isFilming ? pad.read() : null);
}

async function read() {
  const asked = picture();
  if (!asked) return photo.isFilming ? undefined : showNothing();
  if (!engine || !names) return showVerdict(waiting);
  again = busy;
  if (busy) return;
  busy = true;
  try {
    const { data, width, height } = asked;
    const prediction = await engine.ask("predict", { pixels: data, width, height }, [data.buffer]);
    // Cleared, or the network gone, while the answer was under way.
    if (names && picture()) showPrediction(prediction, names, width, height);
  } catch (error) {
    photo.mark([], 1, 1);
    showVerdict(`The drawing could not be read: ${reason(error)}`);
  } finally {
    busy = false;
  }
  if (again) await read();
}

/**
 * @param {Prediction} prediction
 * @param {string[]} classNames
 * @param {number} width Of the image that was read, in pixels.
 * @param {number} height
 */
function showPrediction(prediction, classNames, width, height) {
  if (prediction.blank) {
    showNothing();
    if (prediction.reason) showVerdict(`Nothing was read: ${prediction.reason}`);
    return;
  }
  const best = likeliest(prediction.probabilities);
  const drawings = prediction.drawings;
  const read = drawings.map((drawing) => nameOf(classNames, likeliest(drawing.probabilities)));
  const boxes = drawings.map(({ box, unsure }, place) => ({ box, unsure, name: read[place] ?? "" }));
  // A single drawing on the pad is seen without a box.
  photo.mark(photo.pixels || drawings.length > 1 || drawings.some((drawing) => drawing.unsure) ? boxes : [], width, height);
  const separator = read.every((name) => name.length === 1) ? "" : " ";
  const name = read.join(separator) || nameOf(classNames, best);
  paint(prepared, prediction.prepared, prediction.shape);
  prepared.setAttribute("aria-label", `What the network is given: your drawing, read as ${name}`);
  showBars(classNames, prediction.probabilities, best);
  verdict.replaceChildren(
    "Read as ",
    element("strong", {}, name),
    drawings.length > 1
      ? `: ${drawings.length} drawings; below is the first`
      : `, ${percent(prediction.probabilities[best], 1)} sure`,
    drawings.some((drawing) => drawing.unsure) ? "; it looks like none of the classes" : "",
  );
}

/** @param {number[]} probabilities */
function likeliest(probabilities) {
  return probabilities.reduce(
    (best, share, place, all) => (share > (all[best] ?? 0) ? place : best),
    0,
  );
}

/**
 * @param {string[]} classNames
 * @param {number} place
 */
function nameOf(classNames, place) {
  return classNames[place] ?? String(place);
}

function showNothing() {
  photo.mark([], 1, 1);
  paint(prepared, new Uint8Array(1), { height: 1, width: 1, channels: 1 });
  prepared.setAttribute("aria-label", "What the network is given: nothing yet");
  if (names) showBars(names, null);
  showVerdict(names ? INVITATION : waiting);
}

/** @param {string} text */
function showVerdict(text) {
  verdict.textContent = text;
}

/**
 * @param {string[]} classNames
 * @param {number[] | null} shares
 * @param {number} [best]
 */
function showBars(classNames, shares, best = -1) {
  const lines = classNames.flatMap((name, place) => {
    const bar = element("span", { class: place === best ? "bar best" : "bar" });
    bar.style.width = `${(shares?.[place] ?? 0) * 100}%`;
    return [
      element("span", { class: place === best ? "name best" : "name" }, name),
      element("span", { class: "track" }, bar),
      element("span", { class: "share" }, shares ? percent(shares[place], 1) : "–"),
    ];
  });
  probabilities.replaceChildren(...lines);
}
