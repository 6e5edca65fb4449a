/** @file 28x28 grey pictures on small canvases; the style sheet scales them without smoothing. */

import { element } from "./dom.js";

/** Pixels a side of every picture. */
export const SIDE = 28;

/**
 * A canvas that shows the picture, light on dark as the network sees it.
 * @param {Uint8Array} pixels `[784]`, 0 is background.
 * @param {string} label
 */
export function picture(pixels, label) {
  const canvas = element("canvas", {
    width: SIDE,
    height: SIDE,
    class: "picture",
    role: "img",
    "aria-label": label,
  });
  paint(canvas, pixels);
  return canvas;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} pixels `[784]`
 */
export function paint(canvas, pixels) {
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(SIDE, SIDE);
  for (let place = 0; place < SIDE * SIDE; place++) {
    image.data.fill(pixels[place] ?? 0, 4 * place, 4 * place + 3);
    image.data[4 * place + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
