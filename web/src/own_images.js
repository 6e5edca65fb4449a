/** @file The visitor's own images as the page sees them: files and folders that were chosen or dropped, and what a worker makes of them. */

/** @import { Given, OwnSet } from "./own_set.js" */

/**
 * What was chosen or dropped.
 * @typedef {object} Choice
 * @property {string} name Of the folder or file; never that of a known set.
 * @property {Given[]} given
 * @property {string[]} folders Paths of folders, those without files too.
 */

/** More files are refused before they are looked at. */
const MOST_FILES = 200_000;
/** How deep folders are followed. */
const DEPTH = 32;

/**
 * Of an input: files, or with their paths those of a folder.
 * @param {File[]} files
 * @returns {Choice}
 */
export function chosenFiles(files) {
  const given = files.map((file) => ({ path: file.webkitRelativePath || file.name, file }));
  return below(given, []);
}

/**
 * Of a drop, whose entries are only there while the event is handled.
 * @param {DataTransfer} dropped
 * @returns {Promise<Choice>}
 */
export function droppedFiles(dropped) {
  const entries = [...dropped.items].map((item) => (item.kind === "file" ? item.webkitGetAsEntry() : null));
  const plain = [...dropped.files];
  // Without entries there are no folders either.
  if (entries.every((entry) => entry === null)) return Promise.resolve(chosenFiles(plain));
  return walk(entries.filter((entry) => entry !== null));
}

/**
 * Has a worker read the images; the worker ends with the signal.
 * @param {Choice} choice
 * @param {(done: number, all: number) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<OwnSet>}
 */
export function readOwn({ given, folders }, onProgress, signal) {
  if (given.length > MOST_FILES) {
    return Promise.reject(new Error(`More than ${MOST_FILES} files. Choose a folder with fewer, or train with the command.`));
  }
  const worker = new Worker(new URL("./own_worker.js", import.meta.url), { type: "module" });
  const read = new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("Stopped.")), { once: true });
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`The images could not be read (${event.message || "the program for it could not be loaded"}). Reload the page and try again.`));
    };
    worker.onmessage = ({ data }) => {
      if (data.progress) onProgress(data.progress.done, data.progress.all);
      else if (data.error) reject(new Error(data.error));
      else resolve(data.set);
    };
    worker.postMessage({ given, folders });
  });
  return read.finally(() => worker.terminate());
}

/** @param {FileSystemEntry[]} entries */
async function walk(entries) {
  /** @type {Given[]} */
  const given = [];
  /** @type {string[]} */
  const folders = [];
  const visit = async (/** @type {FileSystemEntry} */ entry, /** @type {string} */ path, /** @type {number} */ depth) => {
    if (given.length > MOST_FILES || depth > DEPTH) return;
    if (entry.isFile) {
      const file = await fileOf(/** @type {FileSystemFileEntry} */ (entry));
      if (file) given.push({ path, file });
      return;
    }
    folders.push(path);
    for (const child of await children(/** @type {FileSystemDirectoryEntry} */ (entry))) {
      await visit(child, `${path}/${child.name}`, depth + 1);
    }
  };
  for (const entry of entries) await visit(entry, entry.name, 0);
  return below(given, folders);
}

/**
 * Without the folder that holds everything, whose name is that of the set.
 * @param {Given[]} given
 * @param {string[]} folders
 * @returns {Choice}
 */
function below(given, folders) {
  const top = given[0]?.path.split("/")[0] ?? folders[0] ?? "";
  const isFolder = given.every(({ path }) => path.startsWith(`${top}/`)) && folders.every((path) => path === top || path.startsWith(`${top}/`));
  if (!isFolder) {
    const name = given.length === 1 && given[0] ? given[0].path : "your files";
    return { name, given, folders };
  }
  const cut = (/** @type {string} */ path) => path.slice(top.length + 1);
  return {
    // A slash: the folder mnist/ is not the set mnist.
    name: `${top}/`,
    given: given.map(({ path, file }) => ({ path: cut(path), file })),
    folders: folders.filter((path) => path !== top).map(cut),
  };
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File | null>} `null` for what cannot be opened, such as a link that leads nowhere.
 */
function fileOf(entry) {
  return new Promise((resolve) => entry.file(resolve, () => resolve(null)));
}

/**
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<FileSystemEntry[]>}
 */
async function children(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const found = [];
  for (;;) {
    // A hundred at a time, until there are none.
    const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve) => reader.readEntries(resolve, () => resolve([])));
    if (some.length === 0) return found;
    found.push(...some);
  }
}
