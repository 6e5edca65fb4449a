/** @file Images, archives and arrays that the tests of the visitor's own images are given, made byte by byte. */

import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { crc32 as nodeCrc, deflateRawSync, deflateSync } from "node:zlib";

/** @typedef {{[path: string]: Buffer}} Tree A folder: what lies at which path; a path that ends in a slash is an empty folder. */

/**
 * An image whose pixels `at` gives: a number for grey, three or four for colours.
 * @param {number} width
 * @param {number} height
 * @param {(x: number, y: number) => number[]} at
 */
export function png(width, height, at) {
  const channels = at(0, 0).length;
  const rows = [];
  for (let y = 0; y < height; y++) {
    rows.push(0);
    for (let x = 0; x < width; x++) rows.push(...at(x, y));
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, [0, 0, 4, 2, 6][channels] ?? 0], 8);
  const parts = [chunk("IHDR", header), chunk("IDAT", deflateSync(Buffer.from(rows))), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...parts]);
}

/**
 * A grey image of one value but for its first pixel, which tells it from others.
 * @param {number} value
 * @param {number} first
 */
export function plain(value, first = value, side = 8) {
  return png(side, side, (x, y) => [x + y === 0 ? first : value]);
}

/**
 * @param {string} name
 * @param {Buffer} body
 */
function chunk(name, body) {
  const named = Buffer.concat([Buffer.from(name), body]);
  const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length);
  crc.writeUInt32BE(crcOf(named));
  return Buffer.concat([length, named, crc]);
}

/**
 * Writes a folder below a new temporary one, and gives its path.
 * @param {Tree} tree
 */
export function folderOf(tree, name = "pets") {
  const folder = join(mkdtempSync(join(tmpdir(), "gpu-mnist-page-")), name);
  mkdirSync(folder);
  for (const [path, bytes] of Object.entries(tree)) {
    const at = join(folder, path);
    mkdirSync(path.endsWith("/") ? at : dirname(at), { recursive: true });
    if (!path.endsWith("/")) writeFileSync(at, bytes);
  }
  return folder;
}

/**
 * @param {Tree} tree
 * @param {{stored?: boolean, flags?: number, method?: number, bytes?: number, crc?: number, zip64?: boolean, comment?: string}} [options] What to do otherwise, to every entry.
 */
export function zip(tree, options = {}) {
  const [locals, list] = [/** @type {Buffer[]} */ ([]), /** @type {Buffer[]} */ ([])];
  let offset = 0;
  for (const [path, bytes] of Object.entries(tree)) {
    const name = Buffer.from(path);
    const packed = options.stored ? bytes : deflateRawSync(bytes);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(0x800 | (options.flags ?? 0), 2);
    fields.writeUInt16LE(options.method ?? (options.stored ? 0 : 8), 4);
    fields.writeUInt32LE(options.crc ?? crcOf(bytes), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(options.bytes ?? bytes.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), fields, name, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(options.zip64 ? 0xffffffff : offset, 10);
    list.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x00"), fields, rest, name]));
    locals.push(local);
    offset += local.length;
  }
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(list.length, 8);
  end.writeUInt16LE(list.length, 10);
  end.writeUInt32LE(Buffer.concat(list).length, 12);
  end.writeUInt32LE(offset, 16);
  const comment = Buffer.from(options.comment ?? "");
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, ...list, end, comment]);
}

/**
 * An array as numpy.save writes it.
 * @param {string} type Such as `|u1`.
 * @param {number[]} sides
 * @param {Buffer} body
 */
export function npy(type, sides, body, fortran = false) {
  const shape = `(${sides.join(", ")}${sides.length === 1 ? "," : ""})`;
  const text = `{'descr': '${type}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': ${shape}, }`;
  const header = text.padEnd(117) + "\n";
  const begin = Buffer.from("\x93NUMPY\x01\x00\x00\x00", "latin1");
  begin.writeUInt16LE(header.length, 8);
  return Buffer.concat([begin, Buffer.from(header), body]);
}

/** @param {Buffer} bytes */
function crcOf(bytes) {
  if (nodeCrc) return nodeCrc(bytes);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
