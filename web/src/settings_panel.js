/** @file The form's choices of device, kernels, preset and numbers. */

/** @import { DeviceChoice, Kernels, Opened, Preset } from "./protocol.js" */

import { byId, element, say } from "./dom.js";

const TITLES = /** @type {{[name: string]: string}} */ ({
  mnist: "MNIST",
  "fashion-mnist": "Fashion-MNIST",
  synthetic: "the built-in digits",
});

const device = byId("device", HTMLSelectElement);
const kernels = byId("kernels", HTMLSelectElement);
const preset = byId("preset", HTMLSelectElement);
const purpose = byId("purpose", HTMLParagraphElement);

/** The numbers of the form, the setting each stands for and the preset's value of it. */
const NUMBERS = /** @type {const} */ ([
  ["training.epochs", byId("epochs", HTMLInputElement), "epochs"],
  ["training.batch_size", byId("batch-size", HTMLInputElement), "batchSize"],
  ["training.learning_rate", byId("learning-rate", HTMLInputElement), "learningRate"],
]);

/** @type {Preset[]} */
let presets = [];
/** Whether the visitor chose a preset; then no other is suggested. */
let isChosen = false;

/** What `open` is asked with. */
export function wantedDevice() {
  return {
    device: /** @type {DeviceChoice} */ (device.value),
    kernels: /** @type {Kernels} */ (kernels.value),
  };
}

/** What `train` is asked with: the preset and the numbers that differ from its own. */
export function wantedTraining() {
  const chosen = current();
  /** @type {{[key: string]: string}} */
  const settings = {};
  for (const [key, input, name] of NUMBERS) {
    if (input.valueAsNumber !== chosen?.defaults[name]) settings[key] = input.value;
  }
  return { preset: preset.value, settings };
}

/** @param {() => void} onDevice Called when another device or other kernels are chosen. */
export function startSettings(onDevice) {
  device.addEventListener("change", onDevice);
  kernels.addEventListener("change", onDevice);
  preset.addEventListener("change", () => {
    isChosen = true;
    takeDefaults();
  });
}

/**
 * Takes a preset that suits the data, or again the first, unless the visitor chose one.
 * @param {string | null} name
 */
export function suggestPreset(name) {
  const wanted = name ?? presets[0]?.name;
  if (isChosen || preset.value === wanted || !presets.some((known) => known.name === wanted)) return;
  preset.value = wanted ?? "";
  takeDefaults();
}

/**
 * Shows what the worker opened.
 * @param {Opened} opened
 */
export function showOpened({ device: info, note, presets: known }) {
  const details = info.kind === "gpu" ? [info.api, info.adapterType, info.driver] : [info.driver];
  const name = info.name || (info.kind === "gpu" ? "a GPU that gives no name" : "the CPU");
  byId("adapter", HTMLElement).replaceChildren(
    element("strong", {}, name),
    element("small", {}, [info.kind.toUpperCase(), ...details].filter(Boolean).join(" · ")),
  );
  say(byId("device-note", HTMLParagraphElement), note ?? "", "warning");
  if (presets.length > 0) return;
  presets = known;
  preset.replaceChildren(...known.map(({ name }) => element("option", { value: name }, name)));
  takeDefaults();
}

function current() {
  return presets.find(({ name }) => name === preset.value);
}

function takeDefaults() {
  const chosen = current();
  if (!chosen) return;
  for (const [, input, name] of NUMBERS) input.value = String(chosen.defaults[name]);
  const made = TITLES[chosen.defaults.dataset];
  purpose.textContent = chosen.purpose + (made ? ` Made for ${made}.` : "");
}
