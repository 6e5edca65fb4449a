/**
 * @file Files of a folder decoded by the browser and brought to one size: what is no image is told
 * from what is broken, and broken ones are counted and named.
 */

import { counted } from "./format.js";
import { formatOf, isWhole, otherFormat, sizeOf } from "./image_size.js";
import { cover, opaque } from "./resample.js";

/** @typedef {{path: string, bytes: number, read: (most: number) => Promise<Uint8Array<ArrayBuffer>>}} SourceFile */
/** @typedef {{pixels: Uint8Array, width: number, height: number}} Image */
/** @typedef {{image: Image} | {broken: string} | {other: true}} Outcome */

/** Bounds of the command's own decoder (src/picture/). */
const MOST_FILE = 64 * 2 ** 20;
const MOST_PIXELS = 64e6;
const WORKING_SIDE = 768;
/** Sides of images that can be trained on, and of those that share none. */
const SIDES = [8, 128];
const USUAL_SIDE = 32;
/** Decoded at a time. */
const BATCH = 16;
/** Endings that images have, of kinds too that are not read. */
const ENDINGS = ["png", "jpg", "jpeg", "jpe", "jfif", "bmp", "gif", "webp", "tif", "tiff", "heic", "avif"];
/** So many broken files are named; so many, or one in twenty, may be. */
const NAMED = 10;
const ALWAYS = 10;
const SHARE = 20;

/**
 * @typedef {object} Decoded
 * @property {import("./idx_files.js").Shape} shape
 * @property {Uint8Array} images One after another.
 * @property {(number | null)[]} places Of each file, which image it is.
 * @property {string[]} notes
 * @property {{text: string, named: string[]} | null} broken
 */

/**
 * @param {SourceFile[]} files
 * @param {number} most Bytes of all images.
 * @param {(done: number, all: number) => void} onProgress
 * @returns {Promise<Decoded>}
 * @throws {Error}
 */
export async function decodeAll(files, most, onProgress) {
  const first = await firstSize(files);
  const fits = first !== null && first.every((side) => side >= SIDES[0] && side <= SIDES[1]);
  // Most sets share a size, and then one pass is enough.
  const found = (first && fits && (await decodeTo(files, first, true, most, onProgress))) ||
    (await decodeTo(files, [USUAL_SIDE, USUAL_SIDE], false, most, onProgress));
  if (!found) throw new Error("images of any size were asked for");
  return found;
}

/**
 * Height and width that sides of these lengths become, and whether they stay.
 * @param {number} height
 * @param {number} width
 */
export function sizeFor(height, width) {
  const fits = [height, width].every((side) => side >= SIDES[0] && side <= SIDES[1]);
  return fits ? [height, width] : [USUAL_SIDE, USUAL_SIDE];
}

/**
 * Whether no pixel has a colour.
 * @param {Uint8Array} images Three bytes a pixel.
 */
export function isGrey(images) {
  for (let at = 0; at < images.length; at += 3) {
    if (images[at] !== images[at + 1] || images[at] !== images[at + 2]) return false;
  }
  return true;
}

/**
 * The first of three equal channels.
 * @param {Uint8Array} images
 */
export function grey(images) {
  const found = new Uint8Array(images.length / 3);
  for (let at = 0; at < found.length; at++) found[at] = images[3 * at];
  return found;
}

/**
 * @param {SourceFile[]} files
 * @returns {Promise<[number, number] | null>} Height and width of the first that is an image.
 */
async function firstSize(files) {
  for (const file of files) {
    const found = await outcome(file, 8, 8);
    if ("image" in found) return [found.image.height, found.image.width];
  }
  return null;
}

/**
 * Decodes all files; `null` where `same` is asked for and one has another size.
 * @param {SourceFile[]} files
 * @param {[number, number]} size
 * @param {boolean} same
 * @param {number} most
 * @param {(done: number, all: number) => void} onProgress
 * @returns {Promise<Decoded | null>}
 */
async function decodeTo(files, [height, width], same, most, onProgress) {
  const each = 3 * height * width;
  if (files.length * each > most) {
    const [bytes, held] = [files.length * each, most].map((bytes) => `${(bytes / 1e9).toFixed(1)} GB`);
    throw new Error(`${files.length} images of ${height}x${width} take ${bytes}, and this page holds at most ${held}. Choose a folder with fewer images, or train with the command.`);
  }
  let images = new Uint8Array(files.length * each);
  /** @type {(number | null)[]} */
  const places = [];
  const [heights, widths, named] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([]), /** @type {string[]} */ ([])];
  let [sound, broken, others] = [0, 0, 0];
  for (let begin = 0; begin < files.length; begin += BATCH) {
    const batch = files.slice(begin, begin + BATCH);
    const outcomes = await Promise.all(batch.map((file) => outcome(file, height, width)));
    for (const [at, found] of outcomes.entries()) {
      places.push("image" in found ? sound : null);
      if ("image" in found) {
        if (same && (found.image.height !== height || found.image.width !== width)) return null;
        images.set(found.image.pixels, each * sound++);
        takeIn(heights, found.image.height);
        takeIn(widths, found.image.width);
      } else if ("other" in found) {
        others++;
      } else if (broken++ < NAMED) {
        named.push(`${batch[at].path}: ${found.broken}`);
      }
    }
    onProgress(places.length, files.length);
  }
  images = images.subarray(0, sound * each);
  const notes = [];
  if ([...heights, ...widths].join() !== [height, height, width, width].join() && sound > 0) {
    notes.push(`images ${span(heights)} pixels high and ${span(widths)} wide brought to ${height}x${width}`);
  }
  if (others > 0) notes.push(`no images, and so left out: ${counted(others, "file", "files")}`);
  const judged = judge(sound, broken, named);
  const isAllGrey = sound > 0 && isGrey(images);
  const shape = { height, width, channels: isAllGrey ? 1 : 3 };
  return { shape, images: isAllGrey ? grey(images) : images, places, notes, broken: judged };
}

/**
 * What is said of broken files, beside `sound` others.
 * @param {number} sound
 * @param {number} broken
 * @param {string[]} named
 */
function judge(sound, broken, named) {
  if (broken === 0) return null;
  const all = sound + broken;
  const text = `${broken} of ${all} image files cannot be read`;
  const more = broken > named.length ? `; and ${broken - named.length} more` : "";
  if (sound > 0 && broken <= Math.max(ALWAYS, Math.floor(all / SHARE)) && 2 * broken < all) {
    return { text: `${text} and are left out`, named };
  }
  const next = sound === 0 ? "None is left" : "Mend or remove them";
  throw new Error(`${text}. ${next}: ${named.join("; ")}${more}`);
}

/**
 * @param {SourceFile} file
 * @param {number} height
 * @param {number} width
 * @returns {Promise<Outcome>}
 */
async function outcome(file, height, width) {
  const isNamedSo = isImageName(file.path);
  let bytes;
  try {
    if (file.bytes > MOST_FILE) throw new Error("more than 64 MiB");
    bytes = await file.read(MOST_FILE);
  } catch (error) {
    return isNamedSo ? { broken: error instanceof Error ? error.message : String(error) } : { other: true };
  }
  if (!formatOf(bytes) && !otherFormat(bytes) && !isNamedSo) return { other: true };
  const broken = fault(bytes);
  if (broken) return { broken };
  try {
    return { image: await decode(bytes, height, width) };
  } catch {
    return { broken: "damaged: it cannot be decoded" };
  }
}

/**
 * What is wrong with a file before it is decoded, if anything is.
 * @param {Uint8Array} bytes
 */
function fault(bytes) {
  const format = formatOf(bytes);
  if (!format) {
    const other = otherFormat(bytes);
    if (bytes.length === 0) return "empty (0 bytes)";
    return other ? `this is ${other}` : "this is no PNG, JPEG, BMP, GIF or WebP image";
  }
  const size = sizeOf(bytes, format);
  if (!size) return "damaged: its header is cut short";
  if (size[0] * size[1] > MOST_PIXELS) return `${size[0]} x ${size[1]} pixels, more than 64 megapixels`;
  return isWhole(bytes, format) ? null : "damaged: the file ends in the middle of the image";
}

/** Whether a file is an image by its name. @param {string} name */
export function isImageName(name) {
  return ENDINGS.includes(/\.([^./]*)$/.exec(name)?.[1]?.toLowerCase() ?? "");
}

/**
 * A photograph to be read: the pixels of a file, turned as its EXIF says, in the size the command
 * looks at them.
 * @param {File} file
 * @returns {Promise<ImageData>}
 * @throws {Error} In words that say what is wrong with the file.
 */
export async function photograph(file) {
  if (file.size > MOST_FILE) throw new Error("more than 64 MiB; scale it down first");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const broken = fault(bytes);
  if (broken) throw new Error(`${broken}; save it again as PNG or JPEG`);
  try {
    return (await workingPixels(bytes)).data;
  } catch {
    throw new Error("damaged: it cannot be decoded; save it again as PNG or JPEG");
  }
}

/**
 * The first image of a file, turned as its EXIF says, in the size of the set.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {number} height
 * @param {number} width
 * @returns {Promise<Image>}
 */
async function decode(bytes, height, width) {
  const { data, size } = await workingPixels(bytes);
  return { ...size, pixels: cover(opaque(data.data, data.width, data.height), height, width) };
}

/**
 * The pixels of the first image of a file, at most `WORKING_SIDE` to a side, and its own size.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
async function workingPixels(bytes) {
  const bitmap = await createImageBitmap(new Blob([bytes]), {
    imageOrientation: "from-image",
    premultiplyAlpha: "none",
    colorSpaceConversion: "none",
  });
  const size = { width: bitmap.width, height: bitmap.height };
  const scale = Math.min(1, WORKING_SIDE / Math.max(size.width, size.height));
  const [columns, rows] = [size.width, size.height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = new OffscreenCanvas(columns, rows).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, columns, rows);
  bitmap.close();
  return { size, data: context.getImageData(0, 0, columns, rows) };
}

/**
 * @param {number[]} ends The least and the greatest so far.
 * @param {number} value
 */
function takeIn(ends, value) {
  ends[0] = Math.min(ends[0] ?? value, value);
  ends[1] = Math.max(ends[1] ?? value, value);
}

/** @param {number[]} ends */
function span([least, most]) {
  return least === most ? String(least) : `${least} to ${most}`;
}
