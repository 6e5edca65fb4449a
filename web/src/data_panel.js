/** @file Choosing and loading data: built in, fetched from a mirror, or the visitor's own files. */

/** @import { Engine } from "./engine.js" */
/** @import { Choice } from "./own_images.js" */
/** @import { DataSummary, Requests } from "./protocol.js" */

import { byId, reason, say, Told } from "./dom.js";
import { download } from "./download.js";
import { grouped, megabytes } from "./format.js";
import { hideFound, showFound } from "./found_list.js";
import { CLASSES_FILE, isIdxName } from "./idx_files.js";
import { hosts, KNOWN_SETS, totalBytes } from "./mirrors.js";
import { chosenFiles, readOwn } from "./own_images.js";
import { suggestPreset } from "./settings_panel.js";

/** No file of a set is larger; more is refused before it fills the memory. */
const MOST_BYTES = 256e6;

const pictures = byId("pictures", HTMLSelectElement);
const pickers = [byId("files", HTMLInputElement), byId("folder", HTMLInputElement)];
const progress = byId("data-progress", HTMLProgressElement);
const message = byId("data-message", HTMLParagraphElement);
const button = byId("load-data", HTMLButtonElement);

/** The visitor's own four files by name, or what their images became. */
/** @type {Map<string, Blob>} */
let own = new Map();
/** Images that are not read yet. */
/** @type {Choice | null} */
let unread = null;
/** What the core calls the visitor's own set. */
let ownName = "files";
/** What was fetched stays with the page: choosing it again asks nobody. */
/** @type {Map<string, Map<string, Blob>>} */
const fetched = new Map();
/** What the worker holds, as `wanted()` names it. */
let held = "";
/** @type {DataSummary | null} */
let summary = null;

/** @param {() => void} onLoad Called when the visitor asks for the data alone. */
export function startData(onLoad) {
  for (const set of Object.values(KNOWN_SETS)) {
    const size = megabytes(totalBytes(set));
    byId(`${set.name}-size`, HTMLElement).textContent = `${size} from ${hosts(set)}`;
  }
  for (const radio of radios()) radio.addEventListener("change", showChoice);
  pictures.addEventListener("change", showChoice);
  for (const picker of pickers) {
    picker.addEventListener("change", () => {
      const files = [...(picker.files ?? [])];
      // The same may be chosen again, changed meanwhile.
      picker.value = "";
      if (files.length > 0 && takeChoice(chosenFiles(files)) && unread) onLoad();
    });
  }
  button.addEventListener("click", onLoad);
  showChoice();
}

/**
 * Takes what was chosen or dropped as the visitor's own set; answers whether it can be loaded.
 * @param {Choice} choice
 */
export function takeChoice(choice) {
  for (const radio of radios()) radio.checked = radio.value === "files";
  held = held.startsWith("files") ? "" : held;
  own = new Map();
  unread = null;
  ownName = "files";
  showChoice();
  const named = choice.given.map(({ path, file }) => ({ name: path.split("/").pop() ?? "", file }));
  const idx = named.filter(({ name }) => isIdxName(name));
  // Among images there may be a text file of this name, too.
  if (idx.some(({ name }) => name !== CLASSES_FILE)) {
    const fault = faultOf(idx);
    if (fault) {
      say(message, fault, "error");
      return false;
    }
    own = new Map(idx.map(({ name, file }) => [name, file]));
    say(message, `${[...own.keys()].join(", ")}: ready to load.`);
    return true;
  }
  const inFolders = choice.given.some(({ path }) => path.includes("/"));
  if (!inFolders && choice.given.length !== 1) {
    const names = named.slice(0, 4).map(({ name }) => name).join(", ");
    const here = named.length === 0 ? "There are no files here." : `Here are ${named.length} files in no folder: ${names}${named.length > 4 ? "…" : ""}.`;
    say(message, `${here} Choose a folder that has a folder of images for each class, a .zip of one, an NPZ file, or the four IDX files of a set all at once.`, "error");
    return false;
  }
  unread = choice;
  ownName = choice.name;
  suggestPreset("small");
  say(message, `${choice.name}: ready to load.`);
  return true;
}

/**
 * Sees to it that the worker holds the chosen data; answers what it holds, and whether that is new.
 * @param {Engine} engine
 * @param {AbortSignal} signal Ends a download.
 * @returns {Promise<DataSummary & {fresh: boolean}>}
 * @throws {Told}
 */
export async function loadData(engine, signal) {
  const source = chosen();
  if (summary && held === wanted()) return { ...summary, fresh: false };
  const name = wanted();
  try {
    const request = await requestFor(source, signal);
    progress.hidden = true;
    say(message, source === "built-in" ? "Drawing the digits…" : "Checking the files…");
    const transfer = request.source === "files" ? Object.values(request.files) : [];
    summary = await engine.ask("data", request, transfer);
    held = name;
    const splits = [
      `${grouped(summary.train)} to train on`,
      `${grouped(summary.validation)} for validation`,
      `${grouped(summary.test)} to test`,
    ];
    const said = `${summary.name}: ${splits.join(", ")}.`;
    say(message, summary.warning ? `${said} ${summary.warning}` : said, summary.warning ? "warning" : "plain");
    return { ...summary, fresh: true };
  } catch (error) {
    // What was damaged on its way is fetched anew.
    fetched.delete(source);
    say(message, signal.aborted ? "Stopped." : reason(error), signal.aborted ? "plain" : "error");
    throw new Told(reason(error));
  } finally {
    progress.hidden = true;
    showButton();
  }
}

/** The name of the data that the worker holds. */
export function heldName() {
  return summary?.name ?? "";
}

/** The worker holds no data any more. */
export function forgetData() {
  held = "";
}

/**
 * @param {string} source
 * @param {AbortSignal} signal
 * @returns {Promise<Requests["data"]>}
 */
async function requestFor(source, signal) {
  if (source === "built-in") return { source, pictures: Number(pictures.value) };
  const set = KNOWN_SETS[source];
  if (!set) {
    if (unread) await readImages(unread, signal);
    if (own.size === 0) throw new Error("No files yet: drop a folder of images, a .zip of one, an NPZ file or four IDX files on the page, or choose them.");
    return { source: "files", name: ownName, files: await buffers(own) };
  }
  const files = fetched.get(set.name) ?? (await fetchSet(set, signal));
  return { source: "files", name: set.name, files: await buffers(files) };
}

/**
 * Makes IDX files of the visitor's images, and says what was found.
 * @param {Choice} choice
 * @param {AbortSignal} signal
 */
async function readImages(choice, signal) {
  progress.hidden = false;
  progress.removeAttribute("value");
  say(message, `Reading ${choice.name}…`);
  const show = (/** @type {number} */ done, /** @type {number} */ all) => {
    progress.value = done / all;
    say(message, `Reading ${choice.name}: ${grouped(done)} of ${grouped(all)} files`);
  };
  const { files, found } = await readOwn(choice, show, signal);
  showFound(found);
  own = new Map(Object.entries(files).map(([name, bytes]) => [name, new Blob([bytes])]));
  unread = null;
}

/**
 * @param {import("./mirrors.js").KnownSet} set
 * @param {AbortSignal} signal
 */
async function fetchSet(set, signal) {
  const total = totalBytes(set);
  progress.hidden = false;
  const show = (/** @type {number} */ received) => {
    progress.value = received / total;
    say(message, `Fetching ${set.title}: ${megabytes(received)} of ${megabytes(total)}`);
  };
  show(0);
  const files = await download(set, show, signal);
  fetched.set(set.name, files);
  progress.hidden = true;
  return files;
}

/** @param {Map<string, Blob>} files */
async function buffers(files) {
  /** @type {{[name: string]: ArrayBuffer}} */
  const read = {};
  for (const [name, blob] of files) read[name] = await blob.arrayBuffer();
  return read;
}

/** @param {{name: string, file: File}[]} files Those of a set by their names. */
function faultOf(files) {
  const four = files.filter(({ name }) => name !== CLASSES_FILE);
  const names = four.map(({ name }) => name);
  if (four.length !== 4 || new Set(files.map(({ name }) => name)).size !== files.length) {
    return `A set has four files (images and labels, to train and to test), here are ${four.length}: ${names.join(", ")}. Choose all four at once.`;
  }
  const large = files.find(({ file }) => file.size > MOST_BYTES);
  if (large) return `${large.name} has ${megabytes(large.file.size)}, more than any file of a set. Choose another.`;
  return "";
}

function chosen() {
  return radios().find((radio) => radio.checked)?.value ?? "built-in";
}

/** A name for the choice that changes whenever other data would be loaded. */
function wanted() {
  const source = chosen();
  return source === "built-in" ? `built-in ${pictures.value}` : source;
}

/** @returns {HTMLInputElement[]} */
function radios() {
  return [...document.querySelectorAll("input")].filter((input) => input.name === "source");
}

function showChoice() {
  const source = chosen();
  byId("pictures-field", HTMLLabelElement).hidden = source !== "built-in";
  byId("drop", HTMLDivElement).hidden = source !== "files";
  showButton();
  // As the command does: a network that follows the set, for images unlike MNIST.
  suggestPreset(source === "files" && ownName !== "files" ? "small" : null);
  if (held === wanted()) return;
  say(message, "");
  hideFound();
}

function showButton() {
  const source = chosen();
  button.textContent = KNOWN_SETS[source] && !fetched.has(source) ? "Fetch now" : "Load now";
}
