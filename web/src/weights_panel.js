/** @file Saving weights to a file and loading those of a native run. */

/** @import { Engine } from "./engine.js" */
/** @import { LoadedWeights } from "./protocol.js" */

import { byId, element, reason, say, Told } from "./dom.js";
import { grouped, megabytes } from "./format.js";

/** The largest network has a few million bytes; more is refused before it fills the memory. */
const MOST_BYTES = 256e6;

const save = byId("save-weights", HTMLButtonElement);
const picker = byId("weights-file", HTMLInputElement);
const message = byId("weights-message", HTMLParagraphElement);

/**
 * @param {Engine} engine
 * @param {(file: File) => void} onFile Called with a file the visitor chose.
 */
export function startWeights(engine, onFile) {
  save.addEventListener("click", () => void saveWeights(engine));
  picker.addEventListener("change", () => {
    const file = picker.files?.[0];
    // The same file may be chosen again.
    if (file) onFile(file);
    picker.value = "";
  });
}

/** @param {{save: boolean, load: boolean}} possible */
export function enableWeights(possible) {
  save.disabled = !possible.save;
  picker.disabled = !possible.load;
}

/**
 * @param {Engine} engine
 * @param {File} file
 * @returns {Promise<LoadedWeights>}
 * @throws {Told}
 */
export async function loadWeights(engine, file) {
  try {
    if (file.size > MOST_BYTES) {
      throw new Error(`${megabytes(file.size)} are more than weights can have; choose a run's model.safetensors`);
    }
    say(message, `Loading ${file.name}…`);
    const bytes = await file.arrayBuffer();
    const loaded = await engine.ask("loadWeights", { bytes }, [bytes]);
    const origin = loaded.dataset ? `, trained on ${loaded.dataset}` : "";
    const next = loaded.evaluation ? "" : " Load data to see its statistics, or draw.";
    say(message, `${file.name}: ${grouped(loaded.parameters)} parameters${origin}.${next}`);
    return loaded;
  } catch (error) {
    say(message, `${file.name} could not be loaded: ${reason(error)}`, "error");
    throw new Told(reason(error));
  }
}

/** @param {Engine} engine */
async function saveWeights(engine) {
  try {
    const { bytes, fileName } = await engine.ask("saveWeights", {});
    const address = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
    element("a", { href: address, download: fileName }).click();
    // The browser reads it after the click.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    say(message, `Saved ${fileName}, ${megabytes(bytes.byteLength)}: gpu-mnist evaluate ${fileName} reads it.`);
  } catch (error) {
    say(message, `The weights could not be saved: ${reason(error)}`, "error");
  }
}
