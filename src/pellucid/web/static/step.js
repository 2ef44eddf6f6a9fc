// The second screen: one step of training, stop by stop, forwards, backwards, taken and taken back.
import { Lost, Refused, get, post } from "./api.js";
import { button, chart, find, image, input, make, math, select, sign, sized, sum, table } from "./dom.js";
import { drawnPixels } from "./draw.js";

/** @typedef {import("./types").ExplanationRecord} ExplanationRecord */
/** @typedef {import("./types").StepRecord} StepRecord */
/** @typedef {import("./types").Subject} Subject */

const PHASES = { input: "Forwards", forward: "Forwards", loss: "Loss", backward: "Backwards", update: "Update" };

/** @type {Subject | null} */
let subject = null;
/** @type {ExplanationRecord | null} */
let shown = null;
/** @type {import("./types").Along | null} */
let along = null;
let stop = 0;
let pixels = "";
let readOnly = false;
let latest = 0;
/** @type {(subject: Subject) => void} */
let tell = () => {};

/** @type {() => Promise<Subject>} */
let again = async () => { throw new Error("not prepared"); };

/**
 * @param {boolean} isReadOnly
 * @param {() => Promise<Subject>} look looks again at what the page is about
 * @param {(subject: Subject) => void} changed hears of another network
 */
export function prepare(isReadOnly, look, changed) {
  readOnly = isReadOnly;
  again = look;
  tell = changed;
}

/** @param {Subject} now */
export async function enter(now) {
  take(now);
  const drawn = drawnPixels();
  const canDraw = now.reads_drawings && drawn !== null;
  source("drawing").disabled = !canDraw;
  if (!canDraw) source("index").checked = true;
  if (canDraw && drawn !== pixels) {
    pixels = /** @type {string} */ (drawn);
    if (source("drawing").checked) select("step-label").value = "";
  }
  await explain();
}

/** Open an example of the labelled data. @param {number} index */
export function choose(index) {
  source("index").checked = true;
  input("step-index").value = String(index);
  select("step-label").value = "";
}

/** @param {Subject} now */
function take(now) {
  if (subject?.name !== now.name) select("step-label").value = ""; // its examples are others: what they are, the data say
  if (subject?.classes.join() !== now.classes.join()) {
    select("step-label").replaceChildren(...now.classes.map((name) => make("option", { value: name }, name)));
    select("step-label").value = "";
  }
  subject = now;
  const undo = button("step-undo");
  undo.disabled = readOnly || now.can_undo === 0;
  undo.textContent = now.can_undo ? `Undo (${now.can_undo})` : "Undo";
  button("step-take").disabled = readOnly;
  button("step-given").disabled = readOnly || (now.steps === 0 && !now.name.startsWith("trained here"));
}

/** @param {string} value */
const source = (value) => /** @type {HTMLInputElement} */ (document.querySelector(`input[name="source"][value="${value}"]`));

/** The slider goes from 0.0001 to 1 in even shares. */
const rateOf = (/** @type {number} */ place) => Number((10 ** (place / 20 - 4)).toPrecision(2));

/** What is being worked out; what it gives is on the screen, or refused. @type {Promise<void>} */
let working = Promise.resolve();
/** Whether what is shown is what is asked for. */
let isCurrent = false;

async function explain() {
  const asked = (latest += 1);
  const record = workOut(asked);
  working = record.then(() => {}, () => {});
  if (await record) await lookAlong(asked);
}

/** All that was asked for is on the screen, or refused. */
async function settled() {
  for (let seen; seen !== working;) {
    seen = working;
    await seen;
  }
}

/** → whether it is on the screen. @param {number} asked */
async function workOut(asked) {
  isCurrent = false;
  const rate = rateOf(input("step-rate").valueAsNumber);
  const label = select("step-label").value;
  const example = source("drawing").checked ? { pixels } : { index: Math.max(0, Math.trunc(input("step-index").valueAsNumber || 0)) };
  if (!shown) find("step-headline").textContent = "Working out one step …";
  try {
    const record = await post("explanation", { ...example, learning_rate: rate, ...(label ? { label } : {}) });
    if (asked !== latest) return false;
    shown = record;
    isCurrent = true;
    find("step-complaint").hidden = true;
    show(record);
    return true;
  } catch (error) {
    if (error instanceof Refused && asked === latest) {
      if (!shown) find("step-headline").textContent = "";
      complain(error.message);
    } else if (!(error instanceof Lost || error instanceof Refused)) throw error;
    return false;
  }
}

/** @param {number} asked */
async function lookAlong(asked) {
  if (!shown) return;
  const rate = rateOf(input("step-rate").valueAsNumber);
  try {
    const found = await get(`explanation/${shown.id}/along?most=${Math.min(10, 2 * rate)}`);
    if (asked !== latest) return;
    along = found;
    showAlong(rate);
  } catch (error) {
    if (error instanceof Refused && asked === latest) complain(error.message);
    else if (!(error instanceof Lost || error instanceof Refused)) throw error;
  }
}

/** Say what is wrong; what was shown before stays. @param {string} words */
function complain(words) {
  find("step-complaint").hidden = false;
  find("step-complaint").textContent = words;
}

/** @param {ExplanationRecord} record */
function show(record) {
  find("step-along").hidden = find("step-walk").hidden = find("stop").hidden = false;
  find("step-headline").textContent = record.headline + (record.loss < 0.01 ? " It is sure already: say that it is something else, or open one of its mistakes, to see it learn." : "");
  select("step-label").value = record.label;
  image("step-picture").hidden = record.picture === null;
  if (record.picture) image("step-picture").src = record.picture;
  image("step-picture").alt = "the example";
  stop = Math.min(stop, record.steps.length - 1);
  buildRail(record);
  showStop();
}

/** Make the rail where its stops are others: else it stays, and the focus with it. @param {ExplanationRecord} record */
function buildRail(record) {
  const stops = record.steps.map((step) => step.symbol).join();
  if (find("rail").dataset.stops === stops) return;
  find("rail").dataset.stops = stops;
  /** @type {Map<string, HTMLElement>} */
  const phases = new Map();
  record.steps.forEach((step, number) => {
    const phase = PHASES[/** @type {keyof typeof PHASES} */ (step.phase)];
    if (!phases.has(phase)) phases.set(phase, make("ol", { "aria-label": phase }));
    phases.get(phase)?.append(make("li", {}, make("button", { type: "button", "data-stop": number, title: step.title, onclick: () => go(number) }, step.symbol)));
  });
  find("rail").replaceChildren(...[...phases].map(([name, list]) => make("div", { class: "phase" }, make("span", { "aria-hidden": "true" }, name), list)));
}

/** @param {number} to */
function go(to) {
  if (!shown || to < 0 || to >= shown.steps.length) return;
  stop = to;
  showStop();
}

function showStop() {
  if (!shown) return;
  const record = shown, step = record.steps[stop], place = stop;
  for (const each of find("rail").querySelectorAll("button")) {
    if (each.dataset.stop === String(stop)) each.setAttribute("aria-current", "step");
    else each.removeAttribute("aria-current");
  }
  button("stop-previous").disabled = stop === 0;
  button("stop-next").disabled = stop === record.steps.length - 1;
  const isOutputs = step.shape.length === 1 && step.shape[0] === subject?.classes.length && isOfLastLayer(step.symbol);
  const rows = step.numbers.rows.length && step.lines.length < step.shape.reduce((size, each) => size * each, 1) ? step.numbers.rows : [];
  const words = make("div", {},
    make("h2", { id: "stop-title" }, `${step.title} `, make("code", {}, `[${step.tag}]`)),
    make("p", { class: "formula", tabindex: 0 }, math(step.formula)),
    make("p", { class: "hint" }, `shapes: ${step.shapes}`),
    step.lines.length ? make("ul", { class: "lines", tabindex: 0 }, ...step.lines.map((line) => make("li", {}, math(line)))) : "",
    ...step.sums.map(sum),
    rows.length ? make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": `The numbers of ${step.symbol}` }, make("table", { class: isOutputs ? "outputs" : "" }, isOutputs ? make("thead", {}, make("tr", {}, ...(subject?.classes ?? []).map((name) => make("th", { scope: "col" }, name)))) : "", make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", { class: sign(cell) }, cell))))))) : make("p", { class: "hint" }, step.numbers.about),
    step.check ? make("p", { class: "check" }, step.check.words) : "",
    step.note ? make("p", {}, step.note) : "",
  );
  find("stop").replaceChildren(step.numbers.rows.length ? words : make("div", { class: "two" }, words, pictureOf(record, place)));
}

/** Whether it is p, or z, b and their gradients of the last layer. @param {string} symbol */
function isOfLastLayer(symbol) {
  const last = [...String((subject?.widths.length ?? 0) - 1)].map((each) => "₀₁₂₃₄₅₆₇₈₉"[Number(each)]).join("");
  return symbol === "p" || /[₀-₉]+/.exec(symbol)?.[0] === last;
}

/** The whole array: as a picture, and as numbers for who asks. @param {ExplanationRecord} record @param {number} place */
function pictureOf(record, place) {
  const step = record.steps[place];
  const size = step.shape.reduce((product, each) => product * each, 1);
  if (size < 2) return make("div", {});
  const picture = make("img", { class: "pixels", alt: `${step.symbol}: ${step.numbers.about}`, src: `/api/v1/explanation/${record.id}/picture/${place}` });
  picture.addEventListener("load", () => { picture.style.width = `${Math.min(464, Math.max(picture.naturalWidth * Math.ceil(224 / picture.naturalWidth), picture.naturalWidth))}px`; });
  sized(picture);
  const list = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `The numbers of ${step.symbol}` });
  const details = make("details", {}, make("summary", {}, `All ${size.toLocaleString("en")} numbers`), list);
  details.addEventListener("toggle", () => { if (details.open && !list.children.length) page(list, record.id, place, 0); });
  return make("div", {}, picture, make("p", { class: "hint" }, `${step.symbol}, shape ${step.shape.join("×")}; blue above 0, brown below`), details);
}

/** @param {HTMLElement} list @param {number} id @param {number} place @param {number} first */
async function page(list, id, place, first) {
  try {
    /** @type {import("./types").NumbersPage} */
    const some = await get(`explanation/${id}/numbers/${place}?from=${first}`);
    const last = some.from + some.numbers.length;
    const move = (/** @type {string} */ words, /** @type {number} */ to, /** @type {boolean} */ can) => make("button", { type: "button", disabled: !can, onclick: () => page(list, id, place, to) }, words);
    const pressed = list.contains(document.activeElement) ? document.activeElement?.textContent : null;
    list.replaceChildren(
      make("p", { class: "row tight" }, move("‹", Math.max(0, first - 196), first > 0), `${some.from + 1}–${last} of ${some.of.toLocaleString("en")}`, move("›", last, last < some.of)),
      table(["place", "as printed", "exactly"], some.numbers.map((each) => [each.place, each.numeral, each.exact]), "numbers"),
    );
    if (pressed === "‹" || pressed === "›") { // the focus stays in the pager, which is another one now
      const others = [...list.querySelectorAll("button")].filter((each) => !each.disabled);
      (others.find((each) => each.textContent === pressed) ?? others[0])?.focus();
    }
  } catch (error) {
    if (error instanceof Refused) list.replaceChildren(error.message);
    else if (!(error instanceof Lost)) throw error;
  }
}

/** A mark of an axis, short. @param {number} value */
const short = (value) => {
  const [head, power] = (value && value < 1e-3 ? value.toExponential(1) : value.toPrecision(2)).split("e");
  return power ? `${Number(head)}·10${[...String(Number(power))].map((each) => (each === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(each)])).join("")}` : String(Number(head));
};

/** @param {number} rate */
function showAlong(rate) {
  if (!along) return;
  const points = along.points.map((point) => point.at);
  const losses = points.map(([, loss]) => loss).filter((loss) => loss !== null);
  const top = Math.max(...losses.map(Number), 1e-12) * 1.05, most = points[points.length - 1][0];
  const x = (/** @type {number} */ value) => (value / most) * 402, y = (/** @type {number} */ value) => 212 - (value / top) * 212;
  const line = (/** @type {1 | 2} */ which) => points.filter((point) => point[which] !== null).map((point) => `${x(point[0]).toFixed(1)},${Math.min(y(Number(point[which])), 1e5).toFixed(1)}`).join(" ");
  const mark = (/** @type {number} */ share) => `<line x1="66" x2="468" y1="${16 + y(top * share)}" y2="${16 + y(top * share)}" class="grid"/><text x="60" y="${20 + y(top * share)}" text-anchor="end">${short(top * share)}</text>`;
  find("along").replaceChildren(chart(
    `<svg class="chart" viewBox="0 0 480 260" role="img" aria-label="Loss along the step, for η from 0 to ${most}">${[0, 0.5, 1].map(mark).join("")}` +
    `<text x="66" y="250">η = 0</text><text x="468" y="250" text-anchor="end">${short(most)}</text>` +
    `<svg x="66" y="16" width="402" height="213"><polyline points="${line(2)}" class="curve dashed"/><polyline points="${line(1)}" class="curve"/>` +
    `<line x1="${x(rate)}" x2="${x(rate)}" y1="0" y2="212" class="here"/></svg></svg>`));
  find("along-table").replaceChildren(table(["η", "loss", "predicted"], along.points.map((point) => [point.rate, point.loss, point.predicted])));
  const near = along.points.reduce((best, point) => (Math.abs(point.at[0] - rate) < Math.abs(best.at[0] - rate) ? point : best));
  if (shown) find("step-rate-loss").textContent = `Loss now ${shown.loss_numeral}; after a step with η = ${near.rate}: ${near.loss} (the slope predicts ${near.predicted}${near.predicted.startsWith("−") ? ", which no loss can be: for so long a step the slope does not hold" : ""}).`;
}

/** Explain something else: what was said of the last step is over. */
function anew() {
  find("step-taken").textContent = "";
  return explain();
}

/** Take the step that is on the screen, once it is the one that is asked for. */
async function takeStep() {
  await settled();
  return isCurrent && shown ? post("step", { id: shown.id }) : null;
}

let doing = Promise.resolve();

/**
 * Change the network, after what is under way: a second press is a second step, from where the first one leads.
 * @param {() => Promise<{subject: Subject}> | null} act
 * @param {string} words
 */
function change(act, words) {
  doing = doing.then(async () => {
    try {
      const answer = await act();
      if (!answer) return;
      take(answer.subject);
      tell(answer.subject);
      find("step-taken").textContent = words;
      await explain();
    } catch (error) {
      if (error instanceof Refused) {
        find("step-taken").textContent = error.message;
        if (error.code === "changed" || error.code === "gone") {
          take(await again());
          await explain();
        }
      } else if (!(error instanceof Lost)) throw error;
    }
  });
}

input("step-rate").addEventListener("input", () => {
  const rate = rateOf(input("step-rate").valueAsNumber);
  find("step-rate-words").textContent = String(rate);
  if (along && rate <= along.points[along.points.length - 1].at[0]) showAlong(rate);
});
input("step-rate").addEventListener("change", anew);
select("step-label").addEventListener("change", anew);
for (const each of document.querySelectorAll('input[name="source"]')) each.addEventListener("change", () => { select("step-label").value = ""; anew(); });
const another = (/** @type {number} */ by) => { choose(Math.max(0, (input("step-index").valueAsNumber || 0) + by)); anew(); };
input("step-index").addEventListener("change", () => another(0));
button("step-previous-example").addEventListener("click", () => another(-1));
button("step-next-example").addEventListener("click", () => another(1));
button("step-take").addEventListener("click", () => change(takeStep, "Taken: the network has learned from this example."));
button("step-undo").addEventListener("click", () => change(() => subject && post("undo", { version: subject.version }), "Taken back: the weights are as before, to the bit."));
button("step-given").addEventListener("click", () => change(() => post("network", { source: "given" }), "This is the given network again."));
button("stop-previous").addEventListener("click", () => go(stop - 1));
button("stop-next").addEventListener("click", () => go(stop + 1));
find("step-form").addEventListener("submit", (event) => { event.preventDefault(); anew(); });
addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (find("screen-step").hidden || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || event.altKey || event.ctrlKey || event.metaKey || target.closest(".scroll, .lines, .formula")) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  go(stop + by);
  const onRail = /** @type {HTMLElement | null} */ (target.closest(".rail"));
  if (onRail) /** @type {HTMLElement | null} */ (onRail.querySelector("[aria-current]"))?.focus();
});
