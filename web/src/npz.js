/**
 * @file NPZ archives of NumPy, with arrays called as docs/data.md says: images as bytes, labels as
 * whole numbers, in the shape and the order of the command's own reader (src/data/formats/npz.rs).
 */

import { asPeopleCount } from "./folder_layout.js";

/** @import { Shape, Split } from "./idx_files.js" */
/** @import { ZipEntry } from "./zip.js" */

/** What the arrays of a split are called: images, then labels, in lower case. */
const TRAIN = [["train_images", "train_labels"], ["x_train", "y_train"], ["images", "labels"], ["x", "y"]];
const VALID = [["val_images", "val_labels"], ["valid_images", "valid_labels"], ["x_val", "y_val"], ["x_valid", "y_valid"]];
const TEST = [["test_images", "test_labels"], ["x_test", "y_test"]];
/** The longest header; NumPy's have 128 bytes. */
const MOST_HEADER = 1024;
const MOST_CLASSES = 1000;
const MOST_LABELS = 64e6;
/** The longest word, in letters. */
const MOST_LETTERS = 1024;

/** @typedef {{name: string, type: string, size: number, big: boolean, fortran: boolean, sides: number[], count: number, body: Uint8Array<ArrayBuffer>}} Numbers */
/** @typedef {Split & {shape: Shape}} Labelled */
/** @typedef {Omit<Labelled, "labels"> & {labels: (number | string)[]}} Written As the labels are written. */

/** @param {ZipEntry[]} entries */
export function isNpz(entries) {
  return pair(arraysOf(entries), TRAIN) !== null || (entries.length > 0 && entries.every(({ path }) => path.endsWith(".npy")));
}

/**
 * @param {ZipEntry[]} entries
 * @param {number} most Bytes of the images of a split.
 * @returns {Promise<{train: Labelled, test: Labelled | null, classNames: string[] | null, notes: string[]}>} `classNames` where
 * labels are words.
 * @throws {Error}
 */
export async function readNpz(entries, most) {
  const arrays = arraysOf(entries);
  const train = pair(arrays, TRAIN);
  if (!train) {
    throw new Error(
      `The file holds the arrays ${[...arrays.keys()].sort().join(", ")}. Call them train_images, train_labels, ` +
        "test_images and test_labels, or x_train, y_train, x_test and y_test.",
    );
  }
  const notes = [];
  const trained = await labelled(train, most);
  if (!trained) throw new Error("The file holds no image to train on. Save some under the names for training.");
  const [valid, test] = [pair(arrays, VALID), pair(arrays, TEST)];
  let tested = test && (await labelled(test, most));
  if (valid && tested) notes.push("validation images of the file are left out: this page draws its own from those to train on");
  if (valid && !tested) {
    tested = await labelled(valid, most);
    if (tested) notes.push("no test images: the validation images test");
  }
  const read = { ...numbered(trained, tested), notes };
  const [shape, other] = [read.train.shape, read.test?.shape ?? read.train.shape];
  if (JSON.stringify(shape) !== JSON.stringify(other)) {
    throw new Error(`Images to test are ${shapeOf(other)}, others ${shapeOf(shape)}. Save all of them in one shape.`);
  }
  return read;
}

/** @param {Shape} shape */
export function shapeOf({ height, width, channels }) {
  return `${height}x${width}x${channels}`;
}

/** @param {ZipEntry[]} entries */
function arraysOf(entries) {
  const arrays = entries.filter(({ path }) => path.endsWith(".npy"));
  return new Map(arrays.map((entry) => [entry.path.slice(0, -4).toLowerCase(), entry]));
}

/**
 * @param {Map<string, ZipEntry>} arrays
 * @param {string[][]} known
 * @returns {[ZipEntry, ZipEntry] | null}
 */
function pair(arrays, known) {
  for (const [images, labels] of known) {
    const found = [arrays.get(images), arrays.get(labels)];
    if (found[0] && found[1]) return [found[0], found[1]];
  }
  return null;
}

/**
 * Words become the numbers of their classes, in the order that people count in.
 * @param {Written} train
 * @param {Written | null} test
 * @returns {{train: Labelled, test: Labelled | null, classNames: string[] | null}}
 */
function numbered(train, test) {
  const all = [...train.labels, ...(test?.labels ?? [])];
  const names = all.some((label) => typeof label === "string") ? [...new Set(all.map(String))].sort(asPeopleCount) : null;
  const places = new Map(names?.map((name, place) => [name, place]));
  const of = (/** @type {Written} */ split) => ({
    ...split,
    labels: split.labels.map((label) => (names ? Number(places.get(String(label))) : Number(label))),
  });
  return { train: of(train), test: test && of(test), classNames: names };
}

/**
 * @param {[ZipEntry, ZipEntry]} entries
 * @param {number} most
 * @returns {Promise<Written | null>} `null` where there is none.
 */
async function labelled([images, labels], most) {
  const found = labelsOf(await numbers(labels, MOST_LABELS));
  const pixels = await numbers(images, most);
  if (found.length === 0 && pixels.count === 0) return null;
  const { shape, bytes } = imagesOf(pixels);
  const count = bytes.length / (shape.height * shape.width * shape.channels);
  if (count !== found.length) throw new Error(`${labels.path}: ${found.length} labels for ${count} images. Save one label an image.`);
  return { shape, images: bytes, labels: found };
}

/**
 * @param {ZipEntry} entry
 * @param {number} most
 * @returns {Promise<Numbers>}
 */
async function numbers(entry, most) {
  const fail = (/** @type {string} */ reason, next = "Save it again with numpy.savez, as numbers of one type.") =>
    new Error(`${entry.path}: ${reason}. ${next}`);
  const file = await entry.read(most + MOST_HEADER).catch((error) => {
    throw fail(error.message, "Save fewer or smaller images, or copy the file again from its source.");
  });
  if (String.fromCharCode(...file.subarray(0, 6)) !== "\x93NUMPY") throw fail("is no array that can be read");
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const long = file[6] >= 2;
  const length = file.length < 12 ? MOST_HEADER + 1 : long ? view.getUint32(8, true) : view.getUint16(8, true);
  const begin = (long ? 12 : 10) + length;
  if (length > MOST_HEADER || begin > file.length) throw fail("is no array that can be read: its header is damaged");
  const header = new TextDecoder().decode(file.subarray(long ? 12 : 10, begin));
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape':\s*\(([\d,\sL]*)\)/.exec(header)?.[1];
  if (!descr || !order || shape === undefined) throw fail("holds what is no plain array of numbers");
  const type = /^([<>|=]?)(?:([bui])([1248])|(f)([248])|([US])(\d{1,4}))$/.exec(descr);
  const [kind, digits] = [type?.[2] ?? type?.[4] ?? type?.[6] ?? "", type?.[3] ?? type?.[5] ?? type?.[7]];
  const isWord = kind === "U" || kind === "S";
  if (!type || (kind === "b" && digits !== "1") || (isWord && Number(digits) > MOST_LETTERS)) throw fail(`holds ${descr}`);
  const sides = (shape.match(/\d+/g) ?? []).map(Number);
  const count = sides.reduce((product, side) => product * side, 1);
  const size = Number(digits) * (kind === "U" ? 4 : 1);
  const body = file.subarray(begin);
  if (body.length !== count * size) {
    throw fail(`has ${body.length} bytes, its header promises ${count * size}`, "Copy the file again from its source.");
  }
  return { name: entry.path, type: kind === "b" ? "u" : kind, size, big: type[1] === ">", fortran: order === "True", sides, count, body };
}

/** @param {Numbers} array */
function values(array) {
  const { type, size, big, count, body } = array;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const little = !big;
  const read = /** @type {{[kind: string]: (at: number) => number}} */ ({
    u1: (at) => view.getUint8(at),
    u2: (at) => view.getUint16(at, little),
    u4: (at) => view.getUint32(at, little),
    u8: (at) => Number(view.getBigUint64(at, little)),
    i1: (at) => view.getInt8(at),
    i2: (at) => view.getInt16(at, little),
    i4: (at) => view.getInt32(at, little),
    i8: (at) => Number(view.getBigInt64(at, little)),
    f2: (at) => halfOf(view.getUint16(at, little)),
    f4: (at) => view.getFloat32(at, little),
    f8: (at) => view.getFloat64(at, little),
  })[type + size];
  return { count, at: (/** @type {number} */ index) => read(index * size) };
}

/**
 * A number of 16 bits: a sign, five bits of exponent, ten of fraction.
 * @param {number} bits
 */
function halfOf(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, (bits & 1023) / 1024];
  const size = exponent === 0 ? fraction * 2 ** -14 : exponent < 31 ? (1 + fraction) * 2 ** (exponent - 15) : fraction ? NaN : Infinity;
  return bits & 0x8000 ? -size : size;
}

/** @param {Numbers} array */
function words({ name, type, size, big, count, body }) {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return Array.from({ length: count }, (_, index) => {
    const begin = index * size;
    const letters = Array.from({ length: type === "U" ? size / 4 : size }, (_, at) =>
      type === "U" ? view.getUint32(begin + 4 * at, !big) : view.getUint8(begin + at),
    );
    // Shorter ones are filled up with zeros.
    while (letters[letters.length - 1] === 0) letters.pop();
    if (letters.length === 0) throw new Error(`${name}: item ${index} is an empty word. Give every image a label.`);
    if (letters.some((letter) => letter > 0x10ffff)) throw new Error(`${name}: item ${index} is no text. Save the labels again.`);
    return type === "U" ? String.fromCodePoint(...letters) : new TextDecoder().decode(new Uint8Array(letters));
  });
}

/**
 * @param {Numbers} array
 * @returns {(number | string)[]}
 */
function labelsOf(array) {
  const { name, sides } = array;
  if (!(sides.length === 1 || (sides.length === 2 && sides[1] === 1))) {
    throw new Error(`${name}: has the shape [${sides.join(", ")}]. Labels are one whole number an image: [n] or [n, 1].`);
  }
  if ("US".includes(array.type)) return words(array);
  const found = values(array);
  return Array.from({ length: found.count }, (_, index) => {
    const label = found.at(index);
    if (Number.isInteger(label) && label >= 0 && label < MOST_CLASSES) return label;
    throw new Error(`${name}: item ${index} has the label ${label}; labels are whole numbers from 0 to ${MOST_CLASSES - 1}. Correct it and save them again.`);
  });
}

/** @param {Numbers} array */
function imagesOf(array) {
  const { name, sides } = array;
  if ("US".includes(array.type)) throw new Error(`${name}: holds words. Save images as numbers.`);
  const [count, first, second, last] = sides;
  const planar = sides.length === 4 && ![1, 3, 4].includes(last) && [1, 3].includes(first);
  const known = sides.length === 3 || (sides.length === 4 && ([1, 3, 4].includes(last) || planar));
  if (!known || array.count === 0) {
    throw new Error(`${name}: has the shape [${sides.join(", ")}]. Images are [n, height, width], in colour [n, height, width, 3].`);
  }
  const [height, width, channels] = planar ? [second, last, first] : [first, second, last ?? 1];
  let bytes = asBytes(array);
  if (array.fortran) bytes = inCOrder(bytes, sides);
  if (planar && channels > 1) bytes = interleaved(bytes, count, height * width, channels);
  if (channels === 4) bytes = opaqueOnly(bytes, name);
  return { shape: { height, width, channels: channels === 4 ? 3 : channels }, bytes };
}

/** @param {Numbers} array Its numbers as bytes: they are from 0 to 255, or floats from 0 to 1. */
function asBytes(array) {
  if (array.type === "u" && array.size === 1) return array.body;
  const found = values(array);
  let [least, most, whole] = [Infinity, -Infinity, true];
  for (let index = 0; index < found.count; index++) {
    const value = found.at(index);
    // Not a number is neither less nor more, and no bound holds for it.
    if (!Number.isFinite(value)) [least, most] = [-Infinity, Infinity];
    [least, most, whole] = [Math.min(least, value), Math.max(most, value), whole && Number.isInteger(value)];
  }
  const isFloat = array.type === "f";
  const scale = isFloat && most <= 1 ? 255 : most <= 255 && (isFloat ? most >= 2 : whole) ? 1 : 0;
  if (least < 0 || scale === 0) {
    throw new Error(
      `${array.name}: has pixels from ${least} to ${most}. Pixels are whole numbers from 0 to 255 or fractions from 0 to 1: ` +
        "scale them and save them as uint8.",
    );
  }
  const bytes = new Uint8Array(found.count);
  for (let index = 0; index < found.count; index++) bytes[index] = Math.round(found.at(index) * scale);
  return bytes;
}

/**
 * Items whose first index changes fastest, ordered so that the last does.
 * @param {Uint8Array} items
 * @param {number[]} sides
 */
function inCOrder(items, sides) {
  const strides = sides.map((_, at) => sides.slice(0, at).reduce((product, side) => product * side, 1));
  const ordered = new Uint8Array(items.length);
  const index = sides.map(() => 0);
  let place = 0;
  for (let to = 0; to < items.length; to++) {
    ordered[to] = items[place];
    for (let side = sides.length - 1; side >= 0; side--) {
      place += strides[side];
      if (++index[side] < sides[side]) break;
      place -= sides[side] * strides[side];
      index[side] = 0;
    }
  }
  return ordered;
}

/**
 * Channels that lie one after another, together at each pixel.
 * @param {Uint8Array} planes
 * @param {number} count
 * @param {number} pixels
 * @param {number} channels
 */
function interleaved(planes, count, pixels, channels) {
  const bytes = new Uint8Array(planes.length);
  for (let image = 0; image < count; image++) {
    const begin = image * pixels * channels;
    for (let channel = 0; channel < channels; channel++) {
      for (let pixel = 0; pixel < pixels; pixel++) bytes[begin + pixel * channels + channel] = planes[begin + channel * pixels + pixel];
    }
  }
  return bytes;
}

/**
 * Three of four channels, where the fourth says that nothing is transparent.
 * @param {Uint8Array} bytes
 * @param {string} name
 */
function opaqueOnly(bytes, name) {
  const found = new Uint8Array((bytes.length / 4) * 3);
  for (let from = 0, to = 0; from < bytes.length; from += 4) {
    if (bytes[from + 3] !== 255) throw new Error(`${name}: has transparent pixels. Lay the images over a background and save three channels.`);
    for (let channel = 0; channel < 3; channel++) found[to++] = bytes[from + channel];
  }
  return found;
}
