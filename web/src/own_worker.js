/** @file A worker of its own for the visitor's images: what it is given it reads, decodes and answers; the page ends it. */

import { ownSet } from "./own_set.js";

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));
/** Milliseconds between two lines of progress. */
const REST = 50;

scope.onmessage = async ({ data }) => {
  let said = 0;
  const onProgress = (/** @type {number} */ done, /** @type {number} */ all) => {
    const now = performance.now();
    if (now - said < REST && done < all) return;
    said = now;
    scope.postMessage({ progress: { done, all } });
  };
  try {
    const set = await ownSet(data.given, data.folders, onProgress);
    scope.postMessage({ set }, Object.values(set.files));
  } catch (error) {
    scope.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
};
