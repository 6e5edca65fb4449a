/** @file What a browser must have before anything can run, and which setting turns it on. */

/** A module that adds two vectors: valid only where WebAssembly has SIMD. */
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
]);

/**
 * Why the page cannot work in this browser; `null` when it can.
 * @returns {string | null}
 */
export function unsupported() {
  if (typeof WebAssembly !== "object") {
    return (
      "WebAssembly is switched off in this browser, and everything here is computed with it. " +
      "Firefox: set javascript.options.wasm to true in about:config. Safari: switch Lockdown Mode " +
      "off for this site. Chrome and Edge: start without --js-flags=--noexpose_wasm, and let Edge's " +
      "enhanced security make an exception for this site."
    );
  }
  if (!WebAssembly.validate(SIMD_MODULE)) {
    return (
      "This browser's WebAssembly has no SIMD instructions, which the network is computed with. " +
      "Firefox: set javascript.options.wasm_simd to true in about:config. Otherwise update the " +
      "browser: Chrome and Edge have them since version 91, Firefox since 89, Safari since 16.4."
    );
  }
  if (typeof Worker !== "function") {
    return (
      "Web Workers are switched off in this browser, and training runs in one. Firefox: set " +
      "dom.workers.enabled to true in about:config; elsewhere allow scripts for this site."
    );
  }
  return null;
}
