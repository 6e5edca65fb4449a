/**
 * @file Pixels brought to the size of a set as the command brings them (src/picture/): laid over
 * what they were meant to lie on, scaled by Catmull-Rom to cover the size, cut evenly.
 */

/** @typedef {{width: number, height: number, values: Float32Array}} Colours Three values a pixel, 0 to 1. */

/** Every step is rounded to 32 bits, as the command computes: half a step decides a byte. */
const f32 = Math.fround;
/** Opacity from which a pixel counts as shown. */
const SHOWN = 128;
/** An opaque area that fills this share of its convex hull is a card; strokes fill less. */
const CARD = 0.85;
/** Something is drawn on a card where colours differ by this much, of 255. */
const DRAWN = 0.15 * 255;

/**
 * Colours without transparency: a card in a transparent margin over its own colour, what was cut
 * out of its background over white or black, whichever is farther from it.
 * @param {Uint8ClampedArray} pixels RGBA.
 * @param {number} width
 * @param {number} height
 * @returns {Colours}
 */
export function opaque(pixels, width, height) {
  const under = underOf(pixels, width);
  const values = new Float32Array(3 * width * height);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    const opacity = pixels[from + 3] / 255;
    for (let channel = 0; channel < 3; channel++) {
      const over = opacity === 1 ? pixels[from + channel] : opacity * pixels[from + channel] + (1 - opacity) * under[channel];
      values[to++] = over / 255;
    }
  }
  return { width, height, values };
}

/**
 * Bytes, three a pixel.
 * @param {Colours} colours
 * @param {number} height
 * @param {number} width
 */
export function cover(colours, height, width) {
  const scale = Math.max(width / colours.width, height / colours.height);
  const keptOf = (/** @type {number} */ side, /** @type {number} */ length) => Math.min(Math.max(Math.round(side / scale), 1), length);
  const [columns, rows] = [keptOf(width, colours.width), keptOf(height, colours.height)];
  const [left, top] = [Math.floor((colours.width - columns) / 2), Math.floor((colours.height - rows) / 2)];
  const bytes = new Uint8Array(3 * height * width);
  const byte = (/** @type {number} */ value) => Math.min(Math.max(Math.round(f32(value * 255)), 0), 255);
  if (columns === width && rows === height) {
    for (let y = 0; y < height; y++) {
      for (let at = 0; at < 3 * width; at++) bytes[3 * y * width + at] = byte(colours.values[3 * ((top + y) * colours.width + left) + at]);
    }
    return bytes;
  }
  const tall = new Float32Array(3 * columns);
  const across = weights(columns, width);
  weights(rows, height).forEach(({ first, parts }, y) => {
    tall.fill(0);
    parts.forEach((part, row) => {
      const from = 3 * ((top + first + row) * colours.width + left);
      for (let at = 0; at < tall.length; at++) tall[at] += f32(part * colours.values[from + at]);
    });
    across.forEach(({ first, parts }, x) => {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        parts.forEach((part, column) => (sum = f32(sum + f32(part * tall[3 * (first + column) + channel]))));
        bytes[3 * (y * width + x) + channel] = byte(sum);
      }
    });
  });
  return bytes;
}

/**
 * Of each pixel of the smaller side, which of the larger it is made of, and how much of each.
 * @param {number} from
 * @param {number} to
 */
function weights(from, to) {
  const ratio = f32(from / to);
  const wide = Math.max(ratio, 1);
  const reach = f32(2 * wide);
  return Array.from({ length: to }, (_, place) => {
    const middle = f32(f32(place + 0.5) * ratio);
    const first = Math.min(Math.max(Math.floor(f32(middle - reach)), 0), from - 1);
    const end = Math.min(Math.max(Math.ceil(f32(middle + reach)), first + 1), from);
    const centre = f32(middle - 0.5);
    const parts = Array.from({ length: end - first }, (_, at) => catmullRom(f32(f32(first + at - centre) / wide)));
    const sum = parts.reduce((a, b) => f32(a + b), 0);
    return { first, parts: parts.map((part) => f32(part / sum)) };
  });
}

/** @param {number} x */
function catmullRom(x) {
  const a = Math.abs(x);
  const square = f32(a * a);
  const cube = f32(square * a);
  if (a < 1) return f32(f32(f32(f32(9 * cube) + f32(-15 * square)) + 6) / 6);
  if (a >= 2) return 0;
  return f32(f32(f32(f32(f32(-3 * cube) + f32(15 * square)) + f32(-24 * a)) + 12) / 6);
}

/**
 * @param {Uint8ClampedArray} pixels
 * @param {number} width
 */
function underOf(pixels, width) {
  /** @type {number[]} */
  const shown = [];
  for (let at = 0; at < pixels.length; at += 4) if (pixels[at + 3] >= SHOWN) shown.push(at);
  if (shown.length === 0 || shown.length === pixels.length / 4) return [255, 255, 255];
  const common = [0, 1, 2].map((channel) => {
    const values = Uint8Array.from(shown, (at) => pixels[at + channel]).sort();
    return values[Math.round((values.length - 1) / 2)];
  });
  const far = shown.filter((at) => common.some((value, channel) => Math.abs(pixels[at + channel] - value) > DRAWN));
  // A drawing takes some of its card.
  if (far.length / shown.length > 0.002 && shown.length / hullArea(pixels, width) > CARD) return common;
  const bright = common[0] + common[1] + common[2] > 1.5 * 255;
  return bright ? [0, 0, 0] : [255, 255, 255];
}

/**
 * The area of the convex hull of what is shown.
 * @param {Uint8ClampedArray} pixels
 * @param {number} width
 */
function hullArea(pixels, width) {
  /** @type {[number, number][]} */
  const points = [];
  for (let y = 0; y < pixels.length / 4 / width; y++) {
    const isShown = (/** @type {number} */ x) => pixels[4 * (y * width + x) + 3] >= SHOWN;
    let [first, last] = [0, width - 1];
    while (first < width && !isShown(first)) first++;
    if (first === width) continue;
    while (!isShown(last)) last--;
    // The corners of the pixels.
    points.push([first, y], [last + 1, y], [first, y + 1], [last + 1, y + 1]);
  }
  points.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const hull = [...half(points), ...half(points.reverse())];
  let area = 0;
  hull.forEach(([x, y], at) => {
    const [nextX, nextY] = hull[(at + 1) % hull.length];
    area += x * nextY - nextX * y;
  });
  return Math.max(Math.abs(area) / 2, 1);
}

/** @param {[number, number][]} points In order. */
function half(points) {
  /** @type {[number, number][]} */
  const chain = [];
  for (const point of points) {
    while (chain.length > 1) {
      const [[ax, ay], [bx, by]] = [chain[chain.length - 2], chain[chain.length - 1]];
      if ((bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax) > 0) break;
      chain.pop();
    }
    chain.push(point);
  }
  return chain.slice(0, -1);
}
