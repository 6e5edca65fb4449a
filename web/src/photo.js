/** @file A photograph in place of the drawing: from a file or the camera, with the boxes of what was read. */

import { byId, element } from "./dom.js";

const WORKING_SIDE = 768;

/** Boxes are shares of the image, so they fit it in any size. */
export class Photo {
  #canvas = byId("photo", HTMLCanvasElement);
  #video = byId("viewfinder", HTMLVideoElement);
  #pad = byId("pad", HTMLCanvasElement);
  #boxes = byId("boxes", HTMLDivElement);
  #button = byId("camera", HTMLButtonElement);
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {ImageData | null} */
  #pixels = null;

  /** The photograph that is shown; a copy, for the pixels go to the worker. */
  get pixels() {
    const pixels = this.#pixels;
    return pixels && new ImageData(new Uint8ClampedArray(pixels.data), pixels.width, pixels.height);
  }

  get isFilming() {
    return this.#stream !== null;
  }

  /** @param {ImageData} pixels */
  show(pixels) {
    this.#stop();
    this.#pixels = pixels;
    [this.#canvas.width, this.#canvas.height] = [pixels.width, pixels.height];
    this.#canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    this.#only(this.#canvas);
  }

  /** Back to the drawing. */
  clear() {
    this.#stop();
    this.#pixels = null;
    this.#only(this.#pad);
  }

  /**
   * Starts the camera, the one that looks away from the visitor where there are two.
   * @throws {Error} Where there is none, or it may not be used.
   */
  async film() {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error("this browser gives no camera here; choose a photo instead");
    this.clear();
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    this.#stream = stream;
    this.#video.srcObject = stream;
    this.#only(this.#video);
    this.#button.textContent = "Take the photo";
    await this.#video.play();
  }

  /** Takes what the camera sees and ends it; `null` before its first image. */
  take() {
    const [width, height] = [this.#video.videoWidth, this.#video.videoHeight];
    if (width === 0) return null;
    const scale = Math.min(1, WORKING_SIDE / Math.max(width, height));
    const [columns, rows] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    const context = new OffscreenCanvas(columns, rows).getContext("2d", { willReadFrequently: true });
    if (!context) return null;
    context.drawImage(this.#video, 0, 0, columns, rows);
    const pixels = context.getImageData(0, 0, columns, rows);
    this.show(pixels);
    return pixels;
  }

  /**
   * Draws what was read around where it was read.
   * @param {{box: number[], name: string, unsure: boolean}[]} found Boxes in pixels of an image of
   * @param {number} width
   * @param {number} height
   */
  mark(found, width, height) {
    const share = (/** @type {number | undefined} */ part, /** @type {number} */ whole) => `${(100 * (part ?? 0)) / whole}%`;
    this.#boxes.replaceChildren(
      ...found.map(({ box: [left, top, across, down], name, unsure }) => {
        const box = element("span", { class: unsure ? "box unsure" : "box" }, element("b", {}, unsure ? `${name}?` : name));
        [box.style.left, box.style.width] = [share(left, width), share(across, width)];
        [box.style.top, box.style.height] = [share(top, height), share(down, height)];
        return box;
      }),
    );
  }

  #stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#button.textContent = "Camera";
    this.#boxes.replaceChildren();
  }

  /** @param {HTMLElement} shown */
  #only(shown) {
    for (const each of [this.#pad, this.#canvas, this.#video]) each.hidden = each !== shown;
  }
}
