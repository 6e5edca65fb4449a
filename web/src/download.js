/** @file Fetches the four files of a known set from its mirrors in turn, counting bytes. */

/** @import { KnownSet } from "./mirrors.js" */

import { reason } from "./dom.js";
import { counted } from "./format.js";

/**
 * The files by name, each of the size that is known of it.
 * @param {KnownSet} set
 * @param {(received: number) => void} onProgress Bytes so far, of all files together.
 * @param {AbortSignal} signal
 * @returns {Promise<Map<string, Blob>>}
 * @throws {Error} With what each mirror said, when none has the set.
 */
export async function download(set, onProgress, signal) {
  const failures = [];
  for (const mirror of set.mirrors) {
    try {
      return await fromMirror(set, mirror, onProgress, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      failures.push(`${new URL(mirror).host}: ${reason(error)}`);
    }
  }
  throw new Error(
    `${set.title} could not be fetched (${failures.join("; ")}). Try again later, or choose your ` +
      "own copy of the four IDX files.",
  );
}

/**
 * @param {KnownSet} set
 * @param {string} mirror
 * @param {(received: number) => void} onProgress
 * @param {AbortSignal} signal
 */
async function fromMirror(set, mirror, onProgress, signal) {
  /** @type {Map<string, Blob>} */
  const files = new Map();
  let before = 0;
  for (const file of set.files) {
    const count = (/** @type {number} */ received) => onProgress(before + received);
    files.set(file.name, await fetchFile(mirror + file.name, file.bytes, count, signal));
    before += file.bytes;
  }
  return files;
}

/**
 * @param {string} url
 * @param {number} bytes
 * @param {(received: number) => void} onProgress
 * @param {AbortSignal} signal
 */
async function fetchFile(url, bytes, onProgress, signal) {
  const name = new URL(url).pathname.split("/").pop();
  // No cookie and no referrer tell the mirror who asks, or from where.
  const answer = await fetch(url, { signal, credentials: "omit", referrerPolicy: "no-referrer" });
  if (!answer.ok || !answer.body) throw new Error(`${name} was refused with status ${answer.status}`);
  const reader = answer.body.getReader();
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  let received = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    received += value.length;
    if (received > bytes) {
      await reader.cancel();
      throw new Error(`${name} is longer than the ${counted(bytes, "byte", "bytes")} of the original`);
    }
    parts.push(value);
    onProgress(received);
  }
  if (received < bytes) throw new Error(`${name} ended after ${received} of ${bytes} bytes`);
  return new Blob(parts);
}
