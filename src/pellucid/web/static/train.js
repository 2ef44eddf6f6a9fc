// The third screen: a training, started, paused, taken on step by step. It asks four times a second while one runs.
import { Lost, Refused, get, post } from "./api.js";
import { button, chart, find, image, input, make, sized, table } from "./dom.js";

/** @typedef {import("./types").Run} Run */

const DEAD_NAMED = 6;
const OFTEN = 250, SELDOM = 2000, WORDS_EVERY = 5000, WEIGHTS_EVERY = 1000;

/** @type {Run | null} */
let run = null;
let here = false, readOnly = false;
let timer = 0;
let wordsAt = 0, weightsAt = 0, weightsOf = -1, wordsState = "";
/** @type {(subject: import("./types").Subject) => void} */
let tell = () => {};

const form = /** @type {HTMLFormElement} */ (find("train-form"));
/** @param {string} name */
const field = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

/** @param {import("./types").State} state @param {(subject: import("./types").Subject) => void} changed */
export function prepare(state, changed) {
  readOnly = state.read_only;
  tell = changed;
  const fill = (/** @type {string} */ name, /** @type {string[]} */ words) => field(name).replaceChildren(...words.map((word) => make("option", { value: word }, word)));
  fill("data", state.choices.data);
  fill("activation", state.choices.activations);
  fill("solver", state.choices.solvers);
  field("activation").value = "relu";
  field("solver").value = "sgd";
  field("solver").addEventListener("change", () => { field("learning_rate").value = String(state.choices.rates[field("solver").value] ?? 0.1); });
  button("train-start").disabled = readOnly;
}

let isFirst = true;

export async function enter() {
  here = true;
  await look();
  if (isFirst && run) fillForm(run);
  isFirst = false;
}

export function leave() {
  here = false;
  clearTimeout(timer);
}

async function look() {
  clearTimeout(timer);
  if (!here) return;
  if (!document.hidden) {
    try {
      show(await get(run ? `run?seen=${run.changes}` : "run"));
    } catch (error) {
      if (!(error instanceof Lost || error instanceof Refused)) throw error;
      if (error instanceof Lost) return; // the banner's own attempts bring it back
    }
  }
  clearTimeout(timer);
  timer = setTimeout(look, run && (run.state === "running" || run.state === "loading") ? OFTEN : SELDOM);
}

/** Fill the form with the setting of the run that is there, once: after a reload it is the run's. @param {Run} now */
function fillForm(now) {
  for (const [name, value] of Object.entries(now.config ?? {})) {
    if (field(name)) field(name).value = Array.isArray(value) ? value.join(", ") || "none" : String(value);
  }
}

/** @param {Run} now */
function show(now) {
  if (now.unchanged) { // what was asked before a press may be answered after it
    if (run) run.state = now.state;
    return;
  }
  run = now;
  const has = now.network !== undefined;
  find("train-seen").hidden = !has;
  find("train-soon").hidden = has;
  showWords(now);
  showControls(now);
  find("train-notice").hidden = !(now.sentence || now.notices.length);
  find("train-notice").textContent = [now.sentence, ...now.notices].filter(Boolean).join(" ");
  input("train-progress").value = /** @type {any} */ (has && now.epochs && now.steps_an_epoch ? (now.steps ?? 0) / (now.epochs * now.steps_an_epoch) : 0);
  find("chart-loss").replaceChildren(...(now.charts ? [chart(now.charts.loss)] : []));
  find("chart-errors").replaceChildren(...(now.charts ? [chart(now.charts.errors)] : []));
  find("now-loss").textContent = now.now ? `Now: training ${now.now.loss} (solid), validation ${now.now.validation_loss} (dashed).` : "Solid: training. Dashed: validation.";
  find("now-errors").textContent = now.now ? `Now: ${now.now.validation_accuracy} of validation examples right.` : "Of validation examples.";
  find("train-layers").replaceChildren(table(["layer", "neurons", "gradient", "update", "dead"],
    (now.layers ?? []).map((layer) => [String(layer.layer), String(layer.width), layer.gradient_norm, layer.update_ratio,
      dead(layer)])));
  find("train-epochs").replaceChildren(table(["epoch", "loss", "validation", "right", "validation", "seconds"],
    (now.listed ?? []).map((each) => [String(each.epoch), each.loss, each.validation_loss, each.accuracy, each.validation_accuracy, each.seconds])));
  if (now.looked_at) find("looked-at").textContent = String(now.looked_at);
  showWeights(now);
}

/** Which neurons are dead: how many, and the first of them. @param {import("./types").LayerOfRun} layer */
function dead(layer) {
  if (!layer.dead) return "0";
  const first = layer.dead_neurons.slice(0, DEAD_NAMED).join(", ");
  return make("span", {}, `${layer.dead}`, make("span", { class: "quiet" }, ` (no. ${first}${layer.dead > DEAD_NAMED ? " …" : ""})`));
}

/** Say how it stands: at once when the state changes, else every few seconds, so that a screen reader can follow. @param {Run} now */
function showWords(now) {
  const time = performance.now();
  if (now.state === wordsState && time - wordsAt < WORDS_EVERY && now.state === "running") return;
  wordsAt = time;
  wordsState = now.state;
  const at = now.network ? `${now.network} on ${now.config.data}, ${now.rows?.training.toLocaleString("en")} examples: step ${now.steps?.toLocaleString("en")}, epoch ${now.epoch} of ${now.epochs}. ` : "";
  const right = now.now ? ` ${now.now.validation_accuracy} of validation examples right.` : "";
  find("train-state").textContent = {
    none: "Nothing is being trained. Choose, and press Start; the usual choice reads 97 % within a minute.",
    loading: `Loading ${now.config.data} …`,
    paused: `${at}Paused.${right}`,
    running: `${at}Running.${right}`,
    finished: `${at}Finished.${right}`,
    diverged: `${at}It diverged.`,
    failed: "It could not be trained.",
  }[now.state] ?? now.state;
}

/** @param {Run} now */
function showControls(now) {
  const allowed = {
    pause: ["running", "loading"], resume: ["paused"], step: ["paused"], epoch: ["paused"],
    reset: ["paused", "running", "finished", "diverged"], discard: ["loading", "paused", "running", "finished", "diverged", "failed"],
  };
  for (const each of find("train-controls").querySelectorAll("button")) {
    const states = allowed[/** @type {keyof typeof allowed} */ (each.dataset.verb)] ?? ["paused", "finished", "diverged"];
    const may = !readOnly && states.includes(now.state) && (now.network !== undefined || ["pause", "discard"].includes(each.dataset.verb ?? ""));
    each.disabled = !may && each !== document.activeElement; // who is disabled loses the focus, to nowhere
    each.setAttribute("aria-disabled", String(!may));
  }
  button("train-start").disabled = button("train-start-paused").disabled = readOnly || ["loading", "paused", "running"].includes(now.state);
  for (const each of find("train-rate-form").querySelectorAll("input, button")) /** @type {HTMLInputElement} */ (each).disabled = readOnly || !["paused", "running", "diverged"].includes(now.state);
  if (document.activeElement !== input("train-rate") && now.rate) input("train-rate").value = String(now.rate);
}

/** @param {Run} now */
function showWeights(now) {
  const time = performance.now(), picture = image("train-weights");
  picture.hidden = now.network === undefined;
  if (now.network === undefined || now.changes === weightsOf || (now.state === "running" && time - weightsAt < WEIGHTS_EVERY)) return;
  weightsAt = time;
  weightsOf = now.changes;
  picture.alt = `The weights of the first layer after ${now.steps} steps`;
  picture.src = `/api/v1/run/weights.png?seen=${now.changes}`;
}

/** @param {string} path @param {object} [record] */
async function command(path, record = {}) {
  complain("");
  find("train-save").hidden = true;
  try {
    run = null;
    show(await post(path, record));
  } catch (error) {
    if (error instanceof Refused) complain(error.message);
    else if (!(error instanceof Lost)) throw error;
  }
  await look();
}

/** @param {string} words said beside the form until the next press */
function complain(words) {
  find("train-complaint").hidden = words === "";
  find("train-complaint").textContent = words;
}

/** @param {boolean} paused */
function start(paused) {
  const hidden = field("hidden").value.trim();
  command("run", {
    data: field("data").value,
    hidden: hidden === "" || hidden === "none" ? [] : hidden.split(",").map((word) => (/^\s*\d+\s*$/.test(word) ? Number(word) : word.trim())),
    activation: field("activation").value,
    solver: field("solver").value,
    learning_rate: field("learning_rate").valueAsNumber,
    batch_size: field("batch_size").valueAsNumber,
    epochs: field("epochs").valueAsNumber,
    seed: field("seed").valueAsNumber,
    paused,
  });
}

sized(image("train-weights"));
form.addEventListener("submit", (event) => { event.preventDefault(); start(false); });
button("train-start-paused").addEventListener("click", () => { if (form.reportValidity()) start(true); });
find("train-controls").addEventListener("click", (event) => {
  const pressed = /** @type {HTMLElement} */ (event.target), verb = pressed.dataset?.verb;
  if (verb && pressed.getAttribute("aria-disabled") !== "true") command(`run/${verb}`);
});
find("train-rate-form").addEventListener("submit", (event) => {
  event.preventDefault();
  command("run/rate", { learning_rate: input("train-rate").valueAsNumber });
});
button("train-use").addEventListener("click", async () => {
  try {
    const { subject } = await post("network", { source: "trained" });
    tell(subject);
    find("train-state").textContent = "Draw, Step and Errors now show the network that you trained.";
    find("train-save").hidden = false;
  } catch (error) {
    if (error instanceof Refused) find("train-state").textContent = error.message;
    else if (!(error instanceof Lost)) throw error;
  }
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
