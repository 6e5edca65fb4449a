/**
 * @file A worker without a network behind it: it answers as the real one does, with figures that
 * are known beforehand. What makes it fail: device GPU with Burn's own operations, 30,720 built-in
 * images, the presets `broken` and `panic`, files and weights that begin with `bad`.
 */

/** @import { Evaluation } from "../src/protocol.js" */

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));

const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const GARMENTS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];
/** How often the mock confuses what: truth, prediction, count of 100. */
const CONFUSED = [[4, 9, 12], [9, 4, 5], [3, 5, 7], [7, 2, 4], [8, 3, 3], [5, 6, 2], [2, 7, 2], [1, 7, 1], [6, 0, 1]];

const PRESETS = [
  preset("default", "The reference network, one epoch.", 1, 256, 0.01, "mnist"),
  preset("smoke", "Seconds on any CPU: to see that everything works, not to be accurate.", 1, 256, 0.01, "synthetic"),
  preset("long", "Forty epochs, to be paused and stopped.", 40, 256, 0.01, "mnist"),
  preset("fashion", "The best single network on Fashion-MNIST within three minutes.", 14, 256, 0.01, "fashion-mnist"),
  preset("small", "For images of one's own.", 100, 64, 0.01, "auto"),
  preset("broken", "Fails.", 1, 256, 0.01, "mnist"),
  preset("panic", "Ends with a defect.", 1, 256, 0.01, "mnist"),
];

class Defect extends Error {}

let opened = false;
let classNames = DIGITS;
let train = 0;
let name = "";
/** @type {Evaluation | null} */
let evaluation = null;
let paused = false;
let stopped = false;

let busy = false;

scope.onmessage = async ({ data }) => {
  const steering = ["pause", "resume", "stop"].includes(data.type);
  if (busy && !steering) return refuse(data.id, new Error("another request is not done yet"));
  if (!steering) busy = true;
  try {
    const answer = await answerTo(data);
    if (!steering) busy = false;
    scope.postMessage({ ...answer, id: data.id, ok: true });
  } catch (error) {
    busy = false;
    refuse(data.id, error);
  }
};

/**
 * @param {number} id
 * @param {unknown} error
 */
function refuse(id, error) {
  const lost = error instanceof Defect;
  if (lost) [opened, train, evaluation] = [false, 0, null];
  scope.postMessage({ id, ok: false, lost, error: error instanceof Error ? error.message : String(error) });
}

/** @param {any} request */
async function answerTo(request) {
  switch (request.type) {
    case "open":
      return open(request);
    case "data":
      return load(request);
    case "train":
      return trained(request);
    case "pause":
    case "resume":
      paused = request.type === "pause";
      return {};
    case "stop":
      [stopped, paused] = [true, false];
      return {};
    case "cell":
      await new Promise((done) => setTimeout(done, 100));
      return cell(request);
    case "predict":
      await new Promise((done) => setTimeout(done, 100));
      return predict(request);
    case "saveWeights":
      return { bytes: new TextEncoder().encode("mock weights").buffer, fileName: "model.safetensors" };
    case "loadWeights":
      return loadWeights(request);
    default:
      throw new Error(`no request is called ${request.type}`);
  }
}

/** @param {{device: string, kernels: string}} request */
function open({ device, kernels }) {
  if (device === "gpu" && kernels === "burn") {
    throw new Error("The adapter Mock Adapter cannot run Burn's own operations; choose the fused kernels.");
  }
  [opened, evaluation] = [true, null];
  const cpu = { kind: "cpu", name: "CPU (WebAssembly SIMD)", api: "", adapterType: "", driver: "1 thread" };
  const gpu = { kind: "gpu", name: "Mock Adapter 9000", api: "WebGPU", adapterType: "discrete", driver: "mock 1.0" };
  const note = "This browser gives no WebGPU, so the CPU computes, more slowly. Chrome: chrome://flags/#enable-unsafe-webgpu turns it on.";
  return { device: device === "cpu" ? cpu : gpu, note: device === "cpu" ? note : null, presets: PRESETS };
}

/** @param {any} request */
function load(request) {
  if (request.source === "built-in") {
    if (request.pictures === 30720) throw new Error("30720 images are too many for the mock; choose fewer.");
    [train, name, classNames] = [request.pictures, "built-in digits", DIGITS];
    return { name, train, validation: 512, test: 1000, classNames, warning: null };
  }
  if (request.files["classes.txt"] || request.name !== "files" && !["mnist", "fashion-mnist"].includes(request.name)) return loadOwn(request);
  const files = Object.entries(request.files);
  if (files.length !== 4) throw new Error(`four files are needed, not ${files.length}`);
  for (const [file, bytes] of files) {
    const text = new TextDecoder().decode(/** @type {ArrayBuffer} */ (bytes).slice(0, 3));
    if (text === "bad") throw new Error(`${file} is damaged: its header is not that of an IDX file; fetch it again.`);
  }
  [train, name] = [55000, request.name];
  classNames = name === "fashion-mnist" ? GARMENTS : DIGITS;
  const warning = name === "files" ? "These are no files of a known set." : null;
  return { name, train, validation: 5000, test: 1000, classNames, warning };
}

/** @param {{name: string, files: {[file: string]: ArrayBuffer}}} request */
function loadOwn(request) {
  const counts = ["train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"].map((file) => {
    const bytes = request.files[file];
    return bytes ? new DataView(bytes).getUint32(4) : 0;
  });
  const names = request.files["classes.txt"];
  [name, train] = [request.name, counts[0] ?? 0];
  classNames = names ? new TextDecoder().decode(names).trimEnd().split("\n") : DIGITS;
  const test = counts[1] || Math.round(train / 5);
  return { name, train: train - (counts[1] ? 0 : test), validation: 0, test, classNames, warning: counts[1] ? null : `${name}: no test images of its own: ${test} of ${train} are held out to test` };
}

/** @param {{preset: string, settings: {[key: string]: string}}} request */
async function trained({ preset, settings }) {
  if (!opened || train === 0) throw new Error("no device is open, or no data loaded");
  if (preset === "panic") throw new Defect("a defect of the program: index out of bounds; open the device and load the data again");
  if (preset === "broken") throw new Error("The loss is no number after step 3; try a lower learning rate.");
  [paused, stopped] = [false, false];
  const defaults = PRESETS.find((each) => each.name === preset)?.defaults;
  const epochs = Number(settings["training.epochs"] ?? defaults?.epochs);
  const batch = Number(settings["training.batch_size"] ?? defaults?.batchSize);
  const perEpoch = Math.min(Math.ceil(train / batch), 40);
  const steps = perEpoch * epochs;
  let step = 0;
  while (step < steps && !stopped) {
    await new Promise((done) => setTimeout(done, 12));
    if (paused) continue;
    step++;
    const share = step / perEpoch;
    const noise = Math.sin(step * 12.9898) * 0.5;
    const loss = 2.3 * Math.exp(-3 * Math.sqrt(share)) * (1 + 0.25 * noise) + 0.03;
    const epoch = Math.ceil(step / perEpoch);
    const accuracy = Math.min(Math.max(1 - loss / 2.6 + 0.01 * noise, 0.08), 1);
    scope.postMessage({ type: "progress", epoch, step, steps, images: step * batch, learningRate: 0.01, loss, accuracy, imagesPerSecond: 21000 + 900 * noise });
    if (step % perEpoch === 0) {
      scope.postMessage({ type: "epoch", epoch, trainLoss: loss * 1.6, trainAccuracy: accuracy - 0.05, validLoss: loss * 1.1, validAccuracy: accuracy - 0.01, validConfusion: evaluate().confusion, seconds: 0.5 });
    }
  }
  evaluation = evaluate();
  const note = preset === "smoke" ? "Mock Adapter 9000 computes wrong numbers with the fused kernels: Burn's own operations are used" : null;
  const result = { dataset: name, parameters: 215194, steps: step, train_seconds: step * 0.012, images_per_second: 21000, replayed: true, evaluation };
  return { result, interrupted: stopped, note };
}

/** @returns {Evaluation} */
function evaluate() {
  // The visitor's own files lack a class: it has nothing to divide by.
  const missing = name === "files" ? 9 : -1;
  const confusion = DIGITS.map((_, truth) =>
    DIGITS.map((_, predicted) => {
      if (truth === missing || predicted === missing) return 0;
      const wrong = CONFUSED.filter(([from, to]) => from === truth && to !== missing);
      const found = wrong.find(([, to]) => to === predicted)?.[2] ?? 0;
      return truth === predicted ? 100 - wrong.reduce((sum, [, , count]) => sum + (count ?? 0), 0) : found;
    }),
  );
  const sum = (/** @type {number[]} */ counts) => counts.reduce((a, b) => a + b, 0);
  const total = sum(confusion.map(sum));
  const correct = sum(confusion.map((row, truth) => row[truth] ?? 0));
  const ratio = (/** @type {number} */ part, /** @type {number} */ whole) => (whole > 0 ? part / whole : null);
  const classes = confusion.map((row, truth) => {
    const tp = row[truth] ?? 0;
    const support = sum(row);
    const fp = sum(confusion.map((each) => each[truth] ?? 0)) - tp;
    const fn = support - tp;
    const tn = total - tp - fp - fn;
    return {
      label: classNames[truth] ?? "",
      support, tp, tn, fp, fn,
      precision: ratio(tp, tp + fp),
      specificity: ratio(tn, tn + fp),
      f1: ratio(2 * tp, 2 * tp + fp + fn),
      accuracy: ratio(tp + tn, total),
      recall: ratio(tp, support),
    };
  });
  const averages = { precision: 0.965, recall: 0.963, f1: 0.964 };
  const actual = Array.from({ length: 30 }, (_, place) => (place * 7) % 9);
  const predicted = actual.map((each, place) => (place === 5 ? 9 : each));
  return { accuracy: correct / total, correct, total, loss: 0.1234, confusion, classes, macro: averages, weighted: averages, first: { predicted, actual } };
}

/** @param {{actual: number, predicted: number, limit: number}} request */
function cell({ actual, predicted, limit }) {
  const total = evaluation?.confusion[actual]?.[predicted];
  if (total === undefined) throw new Error("nothing is evaluated yet; train or load weights first");
  const pictures = Array.from({ length: Math.min(limit, total) }, (_, place) => {
    const sure = 0.99 - 0.02 * place;
    const probabilities = DIGITS.map((_, each) => (each === predicted ? sure : (1 - sure) / 9));
    return { index: 17 + 31 * place, pixels: digit(actual, place), probabilities };
  });
  return { pictures, total, shape: SHAPE };
}

const SHAPE = { height: 28, width: 28, channels: 1 };

/** Segments of each digit: top, upper left, upper right, middle, lower left, lower right, bottom. */
const SEGMENTS = ["1110111", "0010010", "1011101", "1011011", "0111010", "1101011", "1101111", "1010010", "1111111", "1111011"];
const LINES = [[8, 5, 19, 5], [8, 5, 8, 14], [19, 5, 19, 14], [8, 14, 19, 14], [8, 14, 8, 23], [19, 14, 19, 23], [8, 23, 19, 23]];

/**
 * @param {number} value
 * @param {number} lean
 */
function digit(value, lean) {
  const pixels = new Uint8Array(784);
  LINES.forEach(([x1 = 0, y1 = 0, x2 = 0, y2 = 0], segment) => {
    if (SEGMENTS[value]?.[segment] !== "1") return;
    for (let part = 0; part <= 24; part++) {
      const y = y1 + ((y2 - y1) * part) / 24;
      const x = x1 + ((x2 - x1) * part) / 24 + ((14 - y) * (lean % 5)) / 14;
      for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
        const place = (Math.round(y) + (dy ?? 0)) * 28 + Math.round(x) + (dx ?? 0);
        pixels[place] = 255 - 60 * ((dx ?? 0) + (dy ?? 0));
      }
    }
  });
  return pixels;
}

/** @param {{pixels: Uint8ClampedArray, width: number, height: number}} request */
function predict({ pixels, width, height }) {
  const prepared = new Uint8Array(784);
  // An image that is twice as wide as high has a drawing in each half; the mock is unsure of the second.
  const halves = width === 2 * height ? [[0, width / 2], [width / 2, width]] : [[0, width]];
  const drawings = [];
  for (const [from = 0, to = width] of halves) {
    let [left, right, top, bottom] = [to, from, height, 0];
    for (let y = 0; y < height; y++) {
      for (let x = from; x < to; x++) {
        if ((pixels[4 * (y * width + x)] ?? 255) > 127) continue;
        [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
        prepared[Math.floor((y * 28) / height) * 28 + Math.floor((x * 28) / width)] = 255;
      }
    }
    if (right < left) continue;
    // Tall and narrow is a 1; the mock calls everything else a 7.
    const best = right - left < (bottom - top) / 3 ? 1 : 7;
    const probabilities = DIGITS.map((_, each) => (each === best ? 0.91 : 0.01));
    const unsure = from > 0;
    drawings.push({ box: [left, top, right + 1 - left, bottom + 1 - top], probabilities, score: unsure ? 2 : 0, unsure });
  }
  const probabilities = drawings[0]?.probabilities ?? DIGITS.map(() => 0);
  return { probabilities, prepared, shape: SHAPE, blank: drawings.length === 0, reason: "", drawings };
}

/** @param {{bytes: ArrayBuffer}} request */
function loadWeights({ bytes }) {
  const text = new TextDecoder().decode(bytes.slice(0, 3));
  if (text === "bad") throw new Error("it is no safetensors file; choose a run's model.safetensors");
  evaluation = train > 0 ? evaluate() : null;
  return { parameters: 215194, dataset: "mnist", classNames: DIGITS, evaluation };
}

/**
 * @param {string} name
 * @param {string} purpose
 * @param {number} epochs
 * @param {number} batchSize
 * @param {number} learningRate
 * @param {string} dataset
 */
function preset(name, purpose, epochs, batchSize, learningRate, dataset) {
  return { name, purpose, defaults: { epochs, batchSize, learningRate, dataset, kernels: "fused" } };
}

export {};
