/** @file What an image file is, how large, and whether it is whole, from its bytes, before the browser decodes it. */

/** @typedef {"png" | "jpeg" | "gif" | "bmp" | "webp"} Format */

/**
 * @param {Uint8Array} bytes
 * @returns {Format | null}
 */
export function formatOf(bytes) {
  const begins = (/** @type {string} */ sign, at = 0) => [...sign].every((letter, place) => bytes[at + place] === letter.charCodeAt(0));
  if (begins("\x89PNG\r\n\x1a\n")) return "png";
  if (begins("\xff\xd8\xff")) return "jpeg";
  if (begins("GIF87a") || begins("GIF89a")) return "gif";
  if (begins("BM")) return "bmp";
  return begins("RIFF") && begins("WEBP", 8) ? "webp" : null;
}

/**
 * What a file is that is none of these, where its first bytes tell.
 * @param {Uint8Array} bytes
 */
export function otherFormat(bytes) {
  const begin = String.fromCharCode(...bytes.subarray(0, 64));
  const brand = begin.slice(4, 8) === "ftyp" ? begin.slice(8, 12) : "";
  if (/^avi[fs]/.test(brand) || (/^m[is]f1/.test(brand) && begin.includes("avif"))) return "an AVIF image";
  if (/^he[iv]|^mif1/.test(brand)) return "a HEIC image, as iPhones take them";
  if (begin.startsWith("%PDF")) return "a PDF document";
  if (begin.startsWith("II*\0") || begin.startsWith("MM\0*")) return "a TIFF image";
  return begin.includes("<svg") ? "an SVG drawing" : null;
}

/**
 * Width and height as the header says, before EXIF turns the image; `null` where it does not.
 * @param {Uint8Array} bytes
 * @param {Format} format
 * @returns {[number, number] | null}
 */
export function sizeOf(bytes, format) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    switch (format) {
      case "png":
        return [view.getUint32(16), view.getUint32(20)];
      case "gif":
        return [view.getUint16(6, true), view.getUint16(8, true)];
      case "bmp":
        // The oldest header has 16 bits a side.
        if (view.getUint32(14, true) === 12) return [view.getUint16(18, true), view.getUint16(20, true)];
        return [Math.abs(view.getInt32(18, true)), Math.abs(view.getInt32(22, true))];
      case "webp":
        return webpSize(view);
      case "jpeg":
        return jpegSize(view);
    }
  } catch {
    return null;
  }
}

/**
 * Whether a file goes on to where its format ends: browsers show what they have of a cut one.
 * @param {Uint8Array} bytes
 * @param {Format} format
 */
export function isWhole(bytes, format) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    switch (format) {
      case "png":
        return pngEnds(view);
      case "jpeg":
        return jpegEnds(bytes);
      case "gif":
        return bytes.lastIndexOf(0x3b) > 13;
      case "bmp":
        return view.getUint32(2, true) <= bytes.length || view.getUint32(2, true) === 0;
      case "webp":
        return view.getUint32(4, true) + 8 <= bytes.length + 1;
    }
  } catch {
    // A number was read past the end.
    return false;
  }
}

/** @param {DataView} view */
function pngEnds(view) {
  for (let at = 8; ; ) {
    const isEnd = view.getUint32(at + 4) === 0x49454e44;
    at += view.getUint32(at) + 12;
    if (at > view.byteLength) return false;
    if (isEnd) return true;
  }
}

/** @param {Uint8Array} bytes Segments up to the end of the image, which packed data cannot contain. */
function jpegEnds(bytes) {
  for (let at = 2; at < bytes.length; ) {
    at = bytes.indexOf(0xff, at);
    if (at < 0) return false;
    while (bytes[at] === 0xff) at++;
    const marker = bytes[at];
    if (marker === 0xd9) return true;
    at++;
    if (!(marker <= 1 || (marker >= 0xd0 && marker <= 0xd8))) at += Math.max(2, (bytes[at] << 8) | bytes[at + 1]);
  }
  return false;
}

/**
 * @param {DataView} view
 * @returns {[number, number] | null}
 */
function jpegSize(view) {
  for (let at = 2; ; ) {
    while (view.getUint8(at) !== 0xff) at++;
    while (view.getUint8(at) === 0xff) at++;
    const marker = view.getUint8(at++);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [view.getUint16(at + 5), view.getUint16(at + 3)];
    if (!(marker <= 1 || (marker >= 0xd0 && marker <= 0xd8))) at += Math.max(2, view.getUint16(at));
  }
}

/**
 * @param {DataView} view
 * @returns {[number, number] | null}
 */
function webpSize(view) {
  const chunk = view.getUint32(12);
  const long = (/** @type {number} */ at) => 1 + view.getUint16(at, true) + (view.getUint8(at + 2) << 16);
  if (chunk === 0x56503858) return [long(24), long(27)];
  if (chunk === 0x56503820) return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
  if (chunk !== 0x5650384c) return null;
  const bits = view.getUint32(21, true);
  return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
}
