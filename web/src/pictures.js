/** @file Images of a set on small canvases; the style sheet scales them without smoothing. */

/** @import { ImageShape } from "./protocol.js" */

import { element } from "./dom.js";

/**
 * A canvas that shows an image as the network sees it.
 * @param {Uint8Array} pixels A byte a channel, `[height, width, channels]`.
 * @param {ImageShape} shape
 * @param {string} label
 */
export function picture(pixels, shape, label) {
  const canvas = element("canvas", { class: "picture", role: "img", "aria-label": label });
  paint(canvas, pixels, shape);
  return canvas;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} pixels
 * @param {ImageShape} shape
 */
export function paint(canvas, pixels, { height, width, channels }) {
  canvas.height = height;
  canvas.width = width;
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(width, height);
  for (let place = 0; place < width * height; place++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * place + channel] = pixels[place * channels + (channel % channels)] ?? 0;
    }
    image.data[4 * place + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
