/** @file Images and labels as the bytes of IDX files, under MNIST's names, and what the core is to call the classes. */

/**
 * Images of one shape, one after another, with their labels.
 * @typedef {object} Split
 * @property {Uint8Array<ArrayBuffer>} images
 * @property {number[]} labels
 */

/** @typedef {{height: number, width: number, channels: number}} Shape */
/** @typedef {{[name: string]: ArrayBuffer}} Files */

/** The names that a set's files have, as src/data/formats/idx/names.rs reads them. */
const NAMES = /^(.+[-_.])?(train|training|t10k|test)[-_.](images?|labels?)[-_.]idx\d+([-_.](u?byte|uint8|short|int16|int|int32|float))?(\.gz)?$/i;
/** Names the classes, a line each. */
export const CLASSES_FILE = "classes.txt";

/**
 * Whether a file is one of those of a set in IDX.
 * @param {string} name
 */
export function isIdxName(name) {
  return NAMES.test(name) || name === CLASSES_FILE;
}

/**
 * @param {Shape} shape
 * @param {Split} train
 * @param {Split | null} test `null`: the core holds images out.
 * @param {string[] | null} classNames `null`: they are their numbers.
 * @returns {Files}
 */
export function idxFiles(shape, train, test, classNames) {
  /** @type {Files} */
  const files = {
    "train-images-idx3-ubyte": imagesFile(shape, train.images),
    "train-labels-idx1-ubyte": labelsFile(train.labels),
  };
  if (test) {
    files["t10k-images-idx3-ubyte"] = imagesFile(shape, test.images);
    files["t10k-labels-idx1-ubyte"] = labelsFile(test.labels);
  }
  if (classNames) files[CLASSES_FILE] = new TextEncoder().encode(classNames.map((name) => `${name}\n`).join("")).buffer;
  return files;
}

/**
 * `[n, height, width]`, in colour `[n, height, width, 3]`, as unsigned bytes.
 * @param {Shape} shape
 * @param {Uint8Array} images
 */
function imagesFile({ height, width, channels }, images) {
  const sides = channels > 1 ? [height, width, channels] : [height, width];
  return file(8, [images.length / (height * width * channels), ...sides], images);
}

/** @param {number[]} labels Unsigned bytes; 16-bit integers where one is above 255. */
function labelsFile(labels) {
  const wide = labels.some((label) => label > 255);
  const bytes = wide ? labels.flatMap((label) => [label >> 8, label & 255]) : labels;
  return file(wide ? 11 : 8, [labels.length], bytes);
}

/**
 * @param {number} type The code of a number in IDX.
 * @param {number[]} sides
 * @param {ArrayLike<number>} body
 */
function file(type, sides, body) {
  const bytes = new Uint8Array(4 + 4 * sides.length + body.length);
  bytes.set([0, 0, type, sides.length]);
  const header = new DataView(bytes.buffer);
  sides.forEach((side, at) => header.setUint32(4 + 4 * at, side));
  bytes.set(body, 4 + 4 * sides.length);
  return bytes.buffer;
}
