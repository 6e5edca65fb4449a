/** @file Choosing and loading data: built in, fetched from a mirror, or the visitor's own files. */

/** @import { Engine } from "./engine.js" */
/** @import { DataSummary, Requests } from "./protocol.js" */

import { byId, reason, say, Told } from "./dom.js";
import { download } from "./download.js";
import { grouped, megabytes } from "./format.js";
import { hosts, KNOWN_SETS, totalBytes } from "./mirrors.js";

/** No file of a set is larger; more is refused before it fills the memory. */
const MOST_BYTES = 256e6;

const pictures = byId("pictures", HTMLSelectElement);
const picker = byId("files", HTMLInputElement);
const progress = byId("data-progress", HTMLProgressElement);
const message = byId("data-message", HTMLParagraphElement);
const button = byId("load-data", HTMLButtonElement);

/** The visitor's own four files by name. */
/** @type {Map<string, Blob>} */
let own = new Map();
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
  picker.addEventListener("change", () => takeFiles([...(picker.files ?? [])]));
  button.addEventListener("click", onLoad);
  showChoice();
}

/**
 * Takes files that were chosen or dropped as the visitor's own set.
 * @param {File[]} files
 */
export function takeFiles(files) {
  if (files.length === 0) return;
  for (const radio of radios()) radio.checked = radio.value === "files";
  showChoice();
  own = new Map(files.map((file) => [file.name, file]));
  held = held.startsWith("files") ? "" : held;
  const fault = faultOf(files);
  if (fault) {
    own = new Map();
    say(message, fault, "error");
  } else {
    say(message, `${files.map((file) => file.name).join(", ")}: ready to load.`);
  }
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
    if (own.size === 0) throw new Error("No files yet: drop the four IDX files on the page, or choose them.");
    return { source: "files", name: "files", files: await buffers(own) };
  }
  const files = fetched.get(set.name) ?? (await fetchSet(set, signal));
  return { source: "files", name: set.name, files: await buffers(files) };
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

/** @param {File[]} files */
function faultOf(files) {
  const names = files.map((file) => file.name).join(", ");
  if (files.length !== 4) {
    return `A set has four files (pictures and labels, to train and to test), here are ${files.length}: ${names}. Choose all four at once.`;
  }
  const large = files.find((file) => file.size > MOST_BYTES);
  if (large) return `${large.name} has ${megabytes(large.size)}, more than any file of a set. Choose another.`;
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
  if (held !== wanted()) say(message, "");
}

function showButton() {
  const source = chosen();
  button.textContent = KNOWN_SETS[source] && !fetched.has(source) ? "Fetch now" : "Load now";
}
