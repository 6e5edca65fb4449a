/** @file A canvas to draw on with mouse, pen, touch or arrow keys. */

/** Width of a stroke, and the way of one press of an arrow key, as shares of the side. */
const STROKE = 0.075;
const KEY_STEP = 0.03;

/** @type {{[key: string]: [number, number]}} */
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

/** Black strokes on white; the style sheet may invert what is shown, never what is read. */
export class SketchPad {
  #canvas;
  #context;
  #pen;
  #onChange;
  #drawn = false;
  /** Where the pen stands for arrow keys, in canvas pixels. */
  #at;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} pen The mark that shows where arrow keys will draw.
   * @param {() => void} onChange Called after each piece of a stroke, and when it is cleared.
   */
  constructor(canvas, pen, onChange) {
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("this browser gives no drawing context; update it");
    this.#canvas = canvas;
    this.#context = context;
    this.#pen = pen;
    this.#onChange = onChange;
    this.#at = { x: canvas.width / 2, y: canvas.height / 4 };
    this.#wipe();
    this.#followPointer();
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focus", () => this.#showPen(canvas.matches(":focus-visible")));
    canvas.addEventListener("blur", () => this.#showPen(false));
  }

  /** Whether anything was drawn since it was cleared. */
  get drawn() {
    return this.#drawn;
  }

  /** The pixels as RGBA. */
  read() {
    return this.#context.getImageData(0, 0, this.#canvas.width, this.#canvas.height);
  }

  clear() {
    this.#wipe();
    this.#onChange();
  }

  #wipe() {
    this.#context.fillStyle = "#ffffff";
    this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#drawn = false;
  }

  #followPointer() {
    const canvas = this.#canvas;
    /** @type {number | null} */
    let pointer = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || pointer !== null) return;
      pointer = event.pointerId;
      this.#showPen(false);
      canvas.setPointerCapture(pointer);
      this.#at = this.#place(event);
      this.#stroke(this.#at);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== pointer) return;
      // A browser reports fewer moves than the hand makes; those between keep curves round.
      const between = event.getCoalescedEvents?.() ?? [];
      for (const each of between.length > 0 ? between : [event]) this.#stroke(this.#place(each));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => (pointer = null));
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const step = KEY_STEP * this.#canvas.width;
      const inside = (/** @type {number} */ value) => Math.min(Math.max(value, 0), this.#canvas.width);
      const to = { x: inside(this.#at.x + arrow[0] * step), y: inside(this.#at.y + arrow[1] * step) };
      if (event.shiftKey) this.#stroke(to);
      else this.#at = to;
      this.#showPen(true);
    } else if (["Delete", "Backspace", "Escape"].includes(event.key)) {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
  }

  /** @param {{x: number, y: number}} to */
  #stroke(to) {
    const context = this.#context;
    context.strokeStyle = "#000000";
    context.lineWidth = STROKE * this.#canvas.width;
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    context.moveTo(this.#at.x, this.#at.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    this.#at = to;
    this.#drawn = true;
    this.#onChange();
  }

  /** @param {{clientX: number, clientY: number}} event */
  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * this.#canvas.width,
      y: ((event.clientY - box.top) / box.height) * this.#canvas.height,
    };
  }

  /** @param {boolean} shown */
  #showPen(shown) {
    this.#pen.hidden = !shown;
    this.#pen.style.left = `${(this.#at.x / this.#canvas.width) * 100}%`;
    this.#pen.style.top = `${(this.#at.y / this.#canvas.height) * 100}%`;
  }
}
