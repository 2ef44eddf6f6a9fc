// The first screen: strokes go to the server, and what the network makes of them comes back.
import { Lost, Refused, get, post } from "./api.js";
import { button, find, make, walkable } from "./dom.js";
import { showNeuron } from "./neuron.js";
import { Paper } from "./paper.js";

/** @typedef {import("./types").Stroke} Stroke */
/** @typedef {import("./types").Digit} Digit */

/** @type {Digit | null} the answer that is shown */
let shown = null;
/** @type {{layer: number, place: number} | null} the neuron that is open */
let open = null;
let asking = false, askAgain = false;
let introduced = false;

/** @type {() => Promise<import("./types").Subject>} */
let again = async () => { throw new Error("not prepared"); };
/** @type {(subject: import("./types").Subject) => void} */
let tell = () => {};
let version = 0, outputs = 10;
let built = "";

/**
 * @param {() => Promise<import("./types").Subject>} look looks again at what the page is about
 * @param {(subject: import("./types").Subject) => void} changed hears of another network
 */
export function prepare(look, changed) {
  again = look;
  tell = changed;
}

const paper = new Paper(/** @type {HTMLCanvasElement} */ (find("paper")), read);
const quiet = matchMedia("(prefers-reduced-motion: reduce)");

/** @returns {string | null} the pixels of the drawing, if there is one */
export const drawnPixels = () => shown?.pixels ?? null;

/** @param {import("./types").Subject} subject */
export async function enter(subject) {
  take(subject);
  find("draw-all").hidden = !subject.reads_drawings;
  find("draw-not").hidden = subject.reads_drawings;
  find("draw-lead").hidden = !subject.reads_drawings;
  find("draw-not-words").textContent = `This network (${subject.network}) does not tell classes of 28×28 pictures apart, so it cannot read a drawing. ${subject.tells_classes_apart ? "Step and Errors show it at work." : "This page explains networks that tell classes apart."}`;
  if (!subject.reads_drawings) return;
  if (!introduced) await introduce();
  else if (paper.strokes.length) await read();
}

/** @param {import("./types").Subject} subject */
function take(subject) {
  version = subject.version;
  outputs = subject.widths[subject.widths.length - 1];
  find("draw-network").textContent = `${subject.network}, ${subject.parameters.toLocaleString("en")} weights and biases.`;
}

/** Draw a digit, so that there is something to see. */
async function introduce() {
  introduced = true;
  const { digits } = await get("samples");
  find("samples").replaceChildren(
    ...Object.keys(digits).map((name) => make("button", { type: "button", onclick: () => { drawSample(digits[name]); } }, name)),
  );
  const kept = sessionStorage.getItem("strokes");
  if (kept) {
    paper.show(JSON.parse(kept), false);
    await read();
  } else await drawSample(digits["7"]);
}

/** @param {Stroke[]} strokes */
async function drawSample(strokes) {
  const all = strokes.reduce((points, stroke) => points + stroke.length, 0);
  const steps = quiet.matches ? 1 : 24;
  paper.show([], true);
  for (let step = 1; step <= steps; step += 1) {
    let left = Math.ceil((all * step) / steps);
    const part = strokes.map((stroke) => { const some = stroke.slice(0, left); left -= some.length; return some; }).filter((stroke) => stroke.length);
    if (!paper.isSample) return; // somebody draws already
    paper.show(part, true);
    if (step % 6 === 0 || step === steps) read();
    if (step < steps) await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

/** Have the drawing read; while an answer is awaited, the newest drawing waits for it. */
async function read() {
  if (asking) { askAgain = true; return; }
  asking = true;
  try {
    do {
      askAgain = false;
      await readOnce();
    } while (askAgain);
  } finally {
    asking = false;
  }
}

async function readOnce() {
  if (paper.isSample) sessionStorage.removeItem("strokes");
  else sessionStorage.setItem("strokes", JSON.stringify(paper.strokes));
  if (!paper.strokes.length) return showNothing("Nothing drawn yet.");
  const leave_out = [...document.querySelectorAll('input[name="part"]:not(:checked)')].map((box) => /** @type {HTMLInputElement} */ (box).value);
  const began = performance.now();
  try {
    shown = await post("digit", { strokes: paper.strokes, leave_out });
  } catch (error) {
    if (error instanceof Refused) showNothing(error.code === "blank" ? "Nothing drawn yet." : error.message);
    else if (!(error instanceof Lost)) throw error;
    return;
  }
  if (shown && shown.version !== version) take(await again()); // another tab has changed the network
  show(/** @type {Digit} */ (shown));
  document.documentElement.dataset.strokeMs = String(performance.now() - began);
  if (open && shown) await openNeuron(open.layer, open.place, false);
}

/** @param {string} words */
function showNothing(words) {
  shown = null;
  find("said").replaceChildren(words);
  for (const id of ["bars", "layers", "stages"]) find(id).replaceChildren();
  find("neuron").hidden = find("draw-why").hidden = true;
}

/** @param {Digit} digit */
function show(digit) {
  build(digit);
  find("draw-why").hidden = false;
  find("said").replaceChildren(make("b", {}, digit.says), ` p\u00a0=\u00a0${digit.share}; then ${digit.second.class}, p\u00a0=\u00a0${digit.second.share}`);
  showBars(digit);
  showLayers(digit);
  find("stages").replaceChildren(
    ...digit.stages.map((stage) => make("li", {}, make("img", { class: "pixels", src: stage.picture, alt: `${stage.name}: ${stage.words}` }), make("b", {}, stage.name), stage.words)),
    make("li", {}, make("b", {}, "784 numbers"), "row by row, from 0 for paper to 255 for ink; the network divides them by 255"),
  );
}

/** Make the bars and the grids anew where they are for another network. @param {Digit} digit */
function build(digit) {
  const wanted = JSON.stringify([digit.probabilities.map((each) => each.class), digit.layers.map((layer) => layer.width), outputs]);
  if (wanted === built && find("bars").children.length) return;
  if (wanted !== built) open = null;
  built = wanted;
  find("neuron").hidden = true;
  find("bars").replaceChildren(
    ...digit.probabilities.map((each, place) =>
      make("li", {}, make("button", { type: "button", onclick: () => openNeuron(digit.layers.length + 1, Math.min(place, outputs - 1)) },
        make("span", { class: "name", title: each.class }, each.class), make("span", { class: "track" }, make("span", { class: "fill" })), make("span", { class: "number" })))),
  );
  find("layers").replaceChildren(
    ...digit.layers.flatMap((layer) => {
      const cells = layer.shades.map((_, place) =>
        make("button", { type: "button", tabindex: place ? -1 : 0, "aria-pressed": "false", onclick: () => openNeuron(layer.layer, place) }));
      const grid = make("div", { class: "cells", role: "group", "aria-label": `Neurons of layer ${layer.layer}` }, ...cells);
      walkable(grid, 16);
      return [make("p", { class: "hint" }), grid];
    }),
  );
}

/** @param {Digit} digit */
function showBars(digit) {
  const list = find("bars");
  digit.probabilities.forEach((each, place) => {
    const row = /** @type {HTMLElement} */ (list.children[place]);
    row.classList.toggle("best", each.class === digit.says);
    /** @type {HTMLElement} */ (row.querySelector(".fill")).style.setProperty("--share", String(100 * each.value));
    const number = /** @type {HTMLElement} */ (row.querySelector(".number"));
    number.textContent = each.percent;
    number.title = each.share;
  });
}

/** @param {Digit} digit */
function showLayers(digit) {
  const box = find("layers");
  digit.layers.forEach((layer, number) => {
    const many = layer.shades.length ? "" : "; too many to show each";
    box.children[2 * number].textContent = `Layer ${layer.layer}: ${layer.width.toLocaleString("en")} neuron${layer.width === 1 ? "" : "s"}, ${layer.off.toLocaleString("en")} off; the loudest, no. ${layer.loudest}, says ${layer.largest}${many}`;
    [...box.children[2 * number + 1].children].forEach((cell, place) => {
      const shade = layer.shades[place];
      /** @type {HTMLElement} */ (cell).style.setProperty("--share", String(Math.abs(shade)));
      cell.classList.toggle("below", shade < 0);
      cell.classList.toggle("loudest", place === layer.loudest);
      cell.setAttribute("aria-label", `${place}: ${shade} %`);
      cell.setAttribute("aria-pressed", String(open?.layer === layer.layer && open.place === place));
    });
  });
}

/**
 * @param {number} layer
 * @param {number} place
 * @param {boolean} [scrolls]
 */
async function openNeuron(layer, place, scrolls = true) {
  open = { layer, place };
  if (!shown) return;
  try {
    await showNeuron(shown.pixels, layer, place);
  } catch (error) {
    if (!(error instanceof Lost || error instanceof Refused)) throw error;
    return;
  }
  showLayers(shown);
  if (scrolls) find("neuron").scrollIntoView({ block: "nearest", behavior: quiet.matches ? "auto" : "smooth" });
}

button("draw-given").addEventListener("click", async () => {
  try {
    const { subject } = await post("network", { source: "given" });
    tell(subject);
    await enter(subject);
  } catch (error) {
    if (error instanceof Refused) find("draw-not-words").textContent = error.message;
    else if (!(error instanceof Lost)) throw error;
  }
});
button("paper-undo").addEventListener("click", () => paper.undo());
button("paper-clear").addEventListener("click", () => paper.clear());
for (const box of document.querySelectorAll('input[name="part"]')) box.addEventListener("change", read);
