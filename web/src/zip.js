/**
 * @file The files of a .zip archive, read one at a time out of a Blob: stored or deflated, within
 * bounds, checked by their CRC.
 */

/**
 * @typedef {object} ZipEntry
 * @property {string} path As the archive has it, parted by `/`.
 * @property {boolean} folder
 * @property {number} bytes Unpacked.
 * @property {(most: number) => Promise<Uint8Array<ArrayBuffer>>} read Up to `most` bytes; throws what is wrong.
 */

/** More entries, or a longer list of them, are refused. */
const MOST_ENTRIES = 200_000;
const MOST_LIST = 64e6;
/** The record at the end, and the longest comment behind it. */
const END = 22;
const LONGEST_COMMENT = 65_535;
/** What a local header may have beyond the name: read in one go with the contents. */
const LIKELY_EXTRA = 64;
const ADVICE = "Unpack it and choose the folder, or pack it anew as an ordinary .zip.";
/** Names of old archives: code page 437 from 0x80 on. */
const CP437 =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

/**
 * Whether a file that begins so is such an archive, an empty one too.
 * @param {Uint8Array} begin
 */
export function isZip(begin) {
  return begin[0] === 0x50 && begin[1] === 0x4b && ((begin[2] === 3 && begin[3] === 4) || (begin[2] === 5 && begin[3] === 6));
}

/**
 * Lists an archive.
 * @param {Blob} blob
 * @returns {Promise<ZipEntry[]>}
 * @throws {Error}
 */
export async function listZip(blob) {
  const tailAt = Math.max(0, blob.size - END - LONGEST_COMMENT);
  const tail = await view(blob, tailAt, blob.size);
  let at = tail.byteLength - END;
  while (at >= 0 && tail.getUint32(at, true) !== 0x06054b50) at--;
  if (at < 0) throw new Error(`The .zip archive is cut short or damaged: its list of files is missing. Copy it again from its source.`);
  const [disk, count] = [tail.getUint16(at + 4, true), tail.getUint16(at + 10, true)];
  const [size, start] = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
  if (count === 0xffff || size === 0xffffffff || start === 0xffffffff) {
    throw new Error(`The archive is of the kind zip64, which this page does not read. ${ADVICE}`);
  }
  if (disk !== 0 || tail.getUint16(at + 8, true) !== count) throw new Error(`The archive has several parts. ${ADVICE}`);
  if (count > MOST_ENTRIES || size > MOST_LIST) {
    throw new Error(`The archive holds ${count} files, and at most ${MOST_ENTRIES} are read. Choose a smaller set.`);
  }
  if (start + size > tailAt + at) throw new Error("The .zip archive is damaged: its list of files lies outside it. Copy it again from its source.");
  return entries(blob, await view(blob, start, start + size), count);
}

/**
 * @param {Blob} blob
 * @param {DataView} list
 * @param {number} count
 */
function entries(blob, list, count) {
  const found = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + 46 > list.byteLength || list.getUint32(at, true) !== 0x02014b50) {
      throw new Error("The .zip archive is damaged: its list of files ends early. Copy it again from its source.");
    }
    const flags = list.getUint16(at + 8, true);
    const [name, extra, comment] = [28, 30, 32].map((place) => list.getUint16(at + place, true));
    const next = at + 46 + name + extra + comment;
    if (next > list.byteLength) throw new Error("The .zip archive is damaged: a name in its list is cut short. Copy it again from its source.");
    const raw = new Uint8Array(list.buffer, list.byteOffset + at + 46, name);
    const path = nameOf(raw, (flags & 0x800) !== 0);
    if (flags & 1) throw new Error(`The archive is encrypted (${path}). ${ADVICE}`);
    const entry = {
      method: list.getUint16(at + 10, true),
      crc: list.getUint32(at + 16, true),
      packed: list.getUint32(at + 20, true),
      bytes: list.getUint32(at + 24, true),
      offset: list.getUint32(at + 42, true),
      nameLength: name,
    };
    if ([entry.packed, entry.bytes, entry.offset].includes(0xffffffff)) {
      throw new Error(`The archive is of the kind zip64 (${path}), which this page does not read. ${ADVICE}`);
    }
    // A link or a device: what it leads to is not in the archive.
    const kind = (list.getUint32(at + 38, true) >>> 28) & 15;
    const isUnix = list.getUint16(at + 4, true) >> 8 === 3;
    if (!isUnix || [0, 4, 8].includes(kind)) {
      found.push({ path: plain(path), folder: path.endsWith("/"), bytes: entry.bytes, read: (/** @type {number} */ most) => read(blob, entry, most) });
    }
    at = next;
  }
  return found;
}

/**
 * @param {Blob} blob
 * @param {{method: number, crc: number, packed: number, bytes: number, offset: number, nameLength: number}} entry
 * @param {number} most
 */
async function read(blob, entry, most) {
  if (entry.bytes > most) throw new Error(`more than ${Math.floor(most / 2 ** 20)} MiB`);
  const end = entry.offset + 30 + entry.nameLength + LIKELY_EXTRA + entry.packed;
  const header = await view(blob, entry.offset, Math.min(end, blob.size));
  if (header.byteLength < 30 || header.getUint32(0, true) !== 0x04034b50) throw new Error("the archive is damaged here");
  const begin = 30 + header.getUint16(26, true) + header.getUint16(28, true);
  let packed = new Uint8Array(/** @type {ArrayBuffer} */ (header.buffer)).subarray(begin, begin + entry.packed);
  if (packed.length < entry.packed) {
    const at = entry.offset + begin;
    packed = new Uint8Array(await blob.slice(at, at + entry.packed).arrayBuffer());
  }
  if (packed.length < entry.packed) throw new Error("the archive ends within it");
  const bytes = entry.method === 0 ? packed : entry.method === 8 ? await inflate(packed, entry.bytes) : null;
  if (!bytes) throw new Error(`packed in a way that this page does not read (method ${entry.method})`);
  if (bytes.length !== entry.bytes) throw new Error(`${bytes.length} bytes, the archive promises ${entry.bytes}`);
  if (crc32(bytes) !== entry.crc) throw new Error("its bytes do not match the archive's checksum");
  return bytes;
}

/**
 * Unpacks no more than `bytes`, whatever is there.
 * @param {Uint8Array<ArrayBuffer>} packed
 * @param {number} bytes
 */
async function inflate(packed, bytes) {
  const unpacked = new Uint8Array(bytes);
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  let at = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return unpacked.subarray(0, at);
      if (at + value.length > bytes) break;
      unpacked.set(value, at);
      at += value.length;
    }
  } catch {
    throw new Error("its packed bytes are damaged");
  }
  await reader.cancel();
  throw new Error(`more than the ${bytes} bytes that the archive promises`);
}

/** @type {Uint32Array | null} */
let table = null;

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
    return rest;
  });
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * @param {Uint8Array} raw
 * @param {boolean} utf8
 */
function nameOf(raw, utf8) {
  try {
    // Many archives have UTF-8 without saying so.
    return new TextDecoder("utf-8", { fatal: !utf8, ignoreBOM: true }).decode(raw);
  } catch {
    return [...raw].map((byte) => (byte < 128 ? String.fromCharCode(byte) : CP437[byte - 128])).join("");
  }
}

/**
 * Whatever an archive calls a file, it is only a name here.
 * @param {string} path
 */
function plain(path) {
  return path.replaceAll("\\", "/").split("/").filter((part) => part !== "" && part !== ".").join("/");
}

/**
 * @param {Blob} blob
 * @param {number} from
 * @param {number} to
 */
async function view(blob, from, to) {
  return new DataView(await blob.slice(from, to).arrayBuffer());
}
