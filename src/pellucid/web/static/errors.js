// The fourth screen: where the network fails, and how sure it is of it.
import { Lost, Refused, get } from "./api.js";
import { button, chart, find, make, table } from "./dom.js";

/** @type {{true: number, taken: number} | null} the cell of the confusion matrix that is looked at */
let cell = null;
let version = -1, loaded = 0, latest = 0;
/** @type {import("./types").Subject | null} */
let about = null;
/** @type {(index: number) => void} */
let open = () => {};
/** @type {string[]} */
let classes = [];

/** @param {(index: number) => void} openInStep opens an example in Step */
export function prepare(openInStep) {
  open = openInStep;
}

/** @param {import("./types").Subject} subject */
export async function enter(subject) {
  about = subject;
  if (subject.version === version) return;
  find("errors-lead").textContent = "Looking at the examples …";
  try {
    /** @type {import("./types").Evaluation} */
    const answer = await get("evaluation");
    say(answer.why_not);
    if (answer.found === null) return; // it may be found the next time: the network of this machine is back, say
    version = answer.version;
    show(answer.found, subject.steps);
    cell = null;
    await fill(true);
  } catch (error) {
    if (error instanceof Lost) return;
    if (!(error instanceof Refused)) throw error;
    say(error.message);
  }
}

/** @param {string} words in place of the numbers; none where there are numbers */
function say(words) {
  find("errors-lead").textContent = "";
  find("errors-not").textContent = words;
  find("errors-not").hidden = words === "";
  find("errors-all").hidden = words !== "";
}

/** @param {import("./types").Found} found @param {number} steps taken on the page */
function show(found, steps) {
  classes = found.classes;
  find("errors-lead").textContent = `${found.network} on ${found.what}: ${found.examples.toLocaleString("en")} examples${steps ? `; from some of them it may have learned, in the step${steps === 1 ? "" : "s"} taken on this page` : " that it has not learned from"}.`;
  const figure = (/** @type {string} */ number, /** @type {string} */ words) => make("li", {}, make("b", {}, number), words);
  find("errors-figures").replaceChildren(figure(found.accuracy, "read rightly"), figure(found.wrong.toLocaleString("en"), "wrong"), figure(found.loss, "loss"), figure(found.calibration_error, "expected calibration error"));
  const none = found.unanswered;
  find("errors-unanswered").textContent = none === 1 ? "1 example holds numbers that are too large to compute with. It counts as wrong." : `${none.toLocaleString("en")} examples hold numbers that are too large to compute with. They count as wrong.`;
  find("errors-unanswered").hidden = none === 0;
  const rows = found.confusion.map((row, is) => [classes[is], ...row.map((count, taken) => {
    if (is === taken) return make("span", { class: "right" }, count.toLocaleString("en"));
    if (!count) return make("span", { class: "none" }, "0");
    return make("button", { type: "button", "aria-label": `${count} of ${classes[is]} taken for ${classes[taken]}`, onclick: () => { cell = { true: is, taken }; fill(true); find("gallery-title").scrollIntoView({ block: "nearest" }); } }, count.toLocaleString("en"));
  }), found.recall[is]]);
  find("confusion").replaceChildren(table(["is \\ said", ...classes, "recall"], [...rows, ["precision", ...found.precision, ""]]));
  find("reliability").replaceChildren(chart(found.reliability));
  find("bins").replaceChildren(table(["sure", "right", "examples"], found.bins.map((bin) => [bin.sure, bin.right, bin.examples.toLocaleString("en")])));
}

/** @param {boolean} anew */
async function fill(anew) {
  const asked = (latest += 1), from = anew ? 0 : loaded, of = cell;
  const which = of ? `&true=${of.true}&taken=${of.taken}` : "";
  try {
    /** @type {import("./types").Gallery} */
    const some = await get(`mistakes?from=${from}${which}`);
    if (asked !== latest) return;
    if (some.version !== version && about) { // another network by now: its counts are others, too
      version = -1;
      return enter({ ...about, version: some.version });
    }
    const items = some.mistakes.map((each) => make("li", {}, make("button", { type: "button", title: "Open in Step", onclick: () => open(each.index) },
      each.picture ? make("img", { class: "pixels", src: each.picture, alt: "" }) : "", make("span", {}, `no. ${each.index.toLocaleString("en")}`), make("span", {}, `is ${each.is}, said ${each.said}`), make("span", { class: "quiet" }, `${each.sure} sure`))));
    loaded = from + items.length;
    if (anew) find("gallery").replaceChildren(...items);
    else find("gallery").append(...items);
    find("gallery-title").textContent = of ? `${classes[of.true]}, taken for ${classes[of.taken]}: ${some.of}` : `Mistakes, the surest first: ${some.of.toLocaleString("en")}`;
    button("gallery-all").hidden = of === null;
    button("gallery-more").hidden = loaded >= some.of;
  } catch (error) {
    if (!(error instanceof Lost || error instanceof Refused)) throw error;
  }
}

button("gallery-all").addEventListener("click", () => { cell = null; fill(true); });
button("gallery-more").addEventListener("click", () => fill(false));
