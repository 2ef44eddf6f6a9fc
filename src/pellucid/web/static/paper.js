// The paper: strokes as points, by mouse, finger, pen, or arrow keys. It knows nothing of what they mean.

/** @typedef {import("./types").Stroke} Stroke */

const SIDE = 280;
const MOST_STROKES = 64, MOST_POINTS = 4096, NEAR = 1.5;
const KEY_STEP = 10;

export class Paper {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => void} changed is called when the strokes have changed
   */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    /** @type {Stroke[]} */
    this.strokes = [];
    this.isSample = false;
    /** @type {[number, number]} */
    this.pen = [SIDE / 2, SIDE / 2];
    this.penIsDown = false;
    this.showsPen = false;
    /** @type {number | null} */
    this.pointer = null;
    const ratio = Math.min(devicePixelRatio || 1, 3);
    canvas.width = canvas.height = SIDE * ratio;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.context.scale(ratio, ratio);
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.go(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) canvas.addEventListener(end, () => this.end());
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => { this.showsPen = canvas.matches(":focus-visible"); this.paint(); });
    canvas.addEventListener("blur", () => { this.showsPen = false; this.penIsDown = false; this.paint(); });
    this.paint();
  }

  /**
   * @param {Stroke[]} strokes
   * @param {boolean} isSample whether the first stroke by hand shall clear them
   */
  show(strokes, isSample) {
    this.strokes = strokes;
    this.isSample = isSample;
    this.paint();
  }

  undo() {
    this.strokes = this.isSample ? [] : this.strokes.slice(0, -1);
    this.penIsDown = false;
    this.tell();
  }

  clear() {
    this.strokes = [];
    this.penIsDown = false;
    this.tell();
  }

  tell() {
    this.paint();
    this.changed();
  }

  startStroke(/** @type {[number, number]} */ point) {
    if (this.isSample) this.strokes = [];
    this.isSample = false;
    if (this.strokes.length < MOST_STROKES) this.strokes = [...this.strokes, [point]];
  }

  addPoint(/** @type {[number, number]} */ point) {
    const stroke = this.strokes.at(-1);
    if (!stroke) return;
    const [x, y] = stroke[stroke.length - 1];
    if (Math.hypot(point[0] - x, point[1] - y) < NEAR) return;
    if (this.strokes.reduce((points, each) => points + each.length, 0) < MOST_POINTS) stroke.push(point);
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const at = (/** @type {number} */ here, /** @type {number} */ from, /** @type {number} */ size) =>
      Math.round(Math.min(Math.max(((here - from) / size) * SIDE, 0), SIDE) * 10) / 10;
    return [at(event.clientX, box.left, box.width), at(event.clientY, box.top, box.height)];
  }

  /** @param {PointerEvent} event */
  begin(event) {
    if (this.pointer !== null || event.button > 0) return;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.showsPen = false;
    this.startStroke(this.place(event));
    this.tell();
  }

  /** @param {PointerEvent} event */
  go(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.addPoint(this.place(each));
    this.tell();
  }

  end() {
    this.pointer = null;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (by) {
      const at = (/** @type {number} */ here) => Math.min(Math.max(here, 0), SIDE);
      this.pen = [at(this.pen[0] + KEY_STEP * by[0]), at(this.pen[1] + KEY_STEP * by[1])];
      if (this.penIsDown) this.addPoint([...this.pen]);
    } else if (event.key === " ") {
      this.penIsDown = !this.penIsDown;
      if (this.penIsDown) this.startStroke([...this.pen]);
    } else if (event.key === "Backspace") this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
    this.showsPen = true;
    if (this.penIsDown) this.tell();
    else this.paint();
  }

  paint() {
    const draw = this.context;
    draw.clearRect(0, 0, SIDE, SIDE);
    draw.lineWidth = 18;
    draw.lineCap = draw.lineJoin = "round";
    draw.strokeStyle = this.isSample ? "#55606b" : "#111";
    for (const stroke of this.strokes) {
      draw.beginPath();
      draw.moveTo(...stroke[0]);
      for (const point of stroke) draw.lineTo(...point);
      if (stroke.length === 1) draw.lineTo(stroke[0][0] + 0.01, stroke[0][1]);
      draw.stroke();
    }
    if (this.showsPen) {
      draw.lineWidth = 2;
      draw.strokeStyle = "#0b5fa5";
      draw.fillStyle = "#0b5fa5";
      draw.beginPath();
      draw.arc(this.pen[0], this.pen[1], 9, 0, 7);
      if (this.penIsDown) draw.fill();
      draw.stroke();
    }
  }
}
