/** @file A folder of images, a .zip of one or an NPZ file made into IDX files, with what a person should know of it. */

/** @import { Files, Shape } from "./idx_files.js" */
/** @import { SourceFile } from "./image_files.js" */

import { asPeopleCount, kept, layoutOf, some } from "./folder_layout.js";
import { counted, grouped } from "./format.js";
import { idxFiles } from "./idx_files.js";
import { decodeAll, grey, isGrey, sizeFor } from "./image_files.js";
import { isNpz, readNpz, shapeOf } from "./npz.js";
import { cover, opaque } from "./resample.js";
import { isZip, listZip } from "./zip.js";

/** Images of a set in its size: the core holds them a second time, beside all else in 4 GB. */
const MOST_BYTES = 512 * 2 ** 20;
const MOST_CLASSES = 1000;

/**
 * A chosen or dropped file with its path below what was chosen.
 * @typedef {{path: string, file: File}} Given
 */

/**
 * @typedef {object} Found
 * @property {string} summary What it holds, in a line.
 * @property {{name: string, train: number, test: number}[]} classes
 * @property {string[]} notes What was done and what was left out.
 * @property {{text: string, named: string[]} | null} broken
 */

/** @typedef {{files: Files, found: Found}} OwnSet */

/**
 * @param {Given[]} given A file of its own, or those of a folder.
 * @param {string[]} folders Paths of folders, those without files too.
 * @param {(done: number, all: number) => void} onProgress
 * @returns {Promise<OwnSet>}
 * @throws {Error} What is wrong, and what to do.
 */
export async function ownSet(given, folders, onProgress) {
  const [only] = given;
  if (given.length === 1 && only && !only.path.includes("/")) {
    const begin = new Uint8Array(await only.file.slice(0, 4).arrayBuffer());
    if (!isZip(begin)) {
      throw new Error(`${only.file.name} is no .zip archive and no NPZ file. Choose a folder with a folder of images for each class, a .zip of one, an NPZ file, or four IDX files.`);
    }
    const entries = await listZip(only.file);
    if (isNpz(entries)) return fromArrays(entries);
    const files = entries.filter(({ folder }) => !folder);
    return fromImages(files, entries.filter(({ folder }) => folder).map(({ path }) => path), onProgress);
  }
  const files = given.map(({ path, file }) => ({
    path,
    bytes: file.size,
    read: async () => new Uint8Array(await file.arrayBuffer()),
  }));
  return fromImages(files, folders, onProgress);
}

/**
 * @param {SourceFile[]} all
 * @param {string[]} folders
 * @param {(done: number, all: number) => void} onProgress
 * @returns {Promise<OwnSet>}
 */
async function fromImages(all, folders, onProgress) {
  const files = all.filter(({ path }) => kept(path));
  const { listed, notes } = layoutOf(files.map(({ path }) => path), folders.filter(kept));
  const decoded = await decodeAll(listed.map(({ file }) => /** @type {SourceFile} */ (files[file])), MOST_BYTES, onProgress);
  const sound = listed.flatMap((one, at) => (decoded.places[at] === null ? [] : [{ ...one, place: Number(decoded.places[at]) }]));
  if (sound.length === 0) {
    throw new Error("There is no image in its folders. Choose a folder that has a folder of PNG, JPEG, BMP, GIF or WebP files for each class.");
  }
  const classNames = [...new Set(sound.map(({ className }) => className))].sort(asPeopleCount);
  const without = [...new Set(listed.map(({ className }) => className))].filter((name) => !classNames.includes(name));
  if (without.length > 0) notes.push(`without an image, and so no class: ${some(without.sort(asPeopleCount))}`);
  checkClasses(classNames);
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const each = decoded.images.length / sound.length;
  const split = (/** @type {string} */ wanted) => {
    const members = sound.filter(({ part }) => part === wanted);
    const images = new Uint8Array(members.length * each);
    members.forEach(({ place }, at) => images.set(decoded.images.subarray(place * each, (place + 1) * each), at * each));
    return { images, labels: members.map(({ className }) => labels.get(className) ?? 0) };
  };
  const [train, test] = [split("train"), split("test")];
  if (train.labels.length === 0) {
    throw new Error("There is no image to train on that can be read. Put those to train on below train/, in a folder for each class.");
  }
  const tested = test.labels.length > 0 ? test : null;
  return {
    files: idxFiles(decoded.shape, train, tested, classNames),
    found: found(decoded.shape, train.labels, tested?.labels ?? [], classNames, [...decoded.notes, ...notes], decoded.broken),
  };
}

/**
 * @param {import("./zip.js").ZipEntry[]} entries
 * @returns {Promise<OwnSet>}
 */
async function fromArrays(entries) {
  const { train, test, classNames: words, notes } = await readNpz(entries, MOST_BYTES);
  const splits = test ? [train, test] : [train];
  let shape = train.shape;
  const [height = 0, width = 0] = sizeFor(shape.height, shape.width);
  if (height !== shape.height || width !== shape.width) {
    notes.push(`images of ${shapeOf(shape)} brought to ${height}x${width}`);
    for (const split of splits) split.images = resized(split.images, shape, height, width);
    shape = { height, width, channels: 3 };
  }
  if (shape.channels === 3 && splits.every(({ images }) => isGrey(images))) {
    for (const split of splits) split.images = grey(split.images);
    shape = { ...shape, channels: 1 };
  }
  const labels = splits.flatMap((split) => split.labels);
  const [least, most] = labels.reduce(([least, most], label) => [Math.min(least, label), Math.max(most, label)], [Infinity, 0]);
  if (least === most) throw oneClass(String(most));
  // The core counts labels from 0 and gives the classes their numbers as names.
  const first = least === 1 && !words ? 1 : 0;
  const classNames = words ?? Array.from({ length: most + 1 - first }, (_, label) => String(label + first));
  checkClasses(classNames);
  const fromZero = (/** @type {number[]} */ labels) => labels.map((label) => label - first);
  return {
    files: idxFiles(shape, train, test, words),
    found: found(shape, fromZero(train.labels), fromZero(test?.labels ?? []), classNames, notes, null),
  };
}

/**
 * Images of three channels in another size.
 * @param {Uint8Array} images
 * @param {Shape} shape
 * @param {number} height
 * @param {number} width
 */
function resized(images, shape, height, width) {
  const pixels = shape.height * shape.width;
  const each = pixels * shape.channels;
  const count = images.length / each;
  const made = new Uint8Array(count * 3 * height * width);
  const rgba = new Uint8ClampedArray(4 * pixels).fill(255);
  for (let image = 0; image < count; image++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let channel = 0; channel < 3; channel++) {
        rgba[4 * pixel + channel] = images[image * each + pixel * shape.channels + (channel % shape.channels)] ?? 0;
      }
    }
    made.set(cover(opaque(rgba, shape.width, shape.height), height, width), image * 3 * height * width);
  }
  return made;
}

/** @param {string[]} names */
function checkClasses(names) {
  const [only] = names;
  if (names.length === 1 && only !== undefined) throw oneClass(only);
  if (names.length > MOST_CLASSES) {
    throw new Error(`${names.length} classes, and at most ${MOST_CLASSES} can be told apart. Choose fewer.`);
  }
  const strange = names.find((name) => /\p{Cc}/u.test(name) || name.trim() === "");
  if (strange !== undefined) throw new Error(`${JSON.stringify(strange)} cannot be the name of a class. Choose another.`);
}

/** @param {string} name */
function oneClass(name) {
  return new Error(`All images are of one class, ${name}, and there is nothing to tell apart. Give a folder for each of two classes or more.`);
}

/**
 * @param {Shape} shape
 * @param {number[]} train Labels.
 * @param {number[]} test
 * @param {string[]} names
 * @param {string[]} notes
 * @param {Found["broken"]} broken
 * @returns {Found}
 */
function found({ height, width, channels }, train, test, names, notes, broken) {
  const classes = names.map((name) => ({ name, train: 0, test: 0 }));
  for (const label of train) /** @type {Found["classes"][number]} */ (classes[label]).train++;
  for (const label of test) /** @type {Found["classes"][number]} */ (classes[label]).test++;
  const images = counted(train.length, "image", "images");
  const all = test.length > 0 ? `${images} to train on, ${grouped(test.length)} to test` : images;
  const colour = channels === 1 ? "grey" : "in colour";
  const lone = classes.filter(({ train }) => train === 1).map(({ name }) => name);
  if (test.length === 0 && lone.length > 0) notes.push(`with a single image, which is trained on and not tested: ${some(lone)}`);
  const summary = `${all}, ${height}x${width} ${colour}, ${names.length} classes`;
  return { summary, classes, notes, broken };
}
