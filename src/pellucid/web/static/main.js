// Which screen is shown, and which network the page is about.
import { Lost, get, remember } from "./api.js";
import { find, input, make } from "./dom.js";
import * as draw from "./draw.js";
import * as errors from "./errors.js";
import * as step from "./step.js";
import * as train from "./train.js";

const SCREENS = ["draw", "step", "train", "errors", "about"];

/** @type {import("./types").State} */
let state;
let screen = "";

/** @param {import("./types").Subject} subject */
function take(subject) {
  state.subject = subject;
  const steps = subject.steps ? `, ${subject.steps} step${subject.steps === 1 ? "" : "s"} on` : "";
  find("subject").textContent = `${subject.network} · ${subject.name}${steps}`;
}

async function go() {
  const wanted = location.hash.slice(1);
  const next = SCREENS.includes(wanted) ? wanted : "draw";
  if (screen === "train" && next !== "train") train.leave();
  const isFirst = screen === "";
  screen = next;
  for (const name of SCREENS) find(`screen-${name}`).hidden = name !== screen;
  for (const link of document.querySelectorAll(".top nav a")) {
    if (link.getAttribute("href") === `#${screen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${screen[0].toUpperCase()}${screen.slice(1)} · Pellucid`;
  if (!isFirst) { scrollTo(0, 0); find("main").focus({ preventScroll: true }); }
  if (screen === "draw") await draw.enter(state.subject);
  if (screen === "step") await step.enter(state.subject);
  if (screen === "train") await train.enter();
  if (screen === "errors") await errors.enter(state.subject);
  if (screen === "about" && !isFirst) {
    try {
      await refresh();
      sayWhatItIs();
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  }
}

async function refresh() {
  state = await get("state");
  remember(state.instance);
  take(state.subject);
}

/** Look again at what the page is about: another tab may have changed it. */
async function again() {
  await refresh();
  return state.subject;
}

function sayWhatItIs() {
  const facts = [["network", state.subject.network], ["model", state.subject.name], ...state.training.map((fact) => [fact.name, fact.value]), ["parameters, SHA-256", state.fingerprint]];
  find("about-facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

async function begin() {
  try {
    await refresh();
  } catch (error) {
    if (error instanceof Lost) return;
    throw error;
  }
  sayWhatItIs();
  find("foot").textContent = `Pellucid ${state.library}, on this machine, with ${state.engine}.${state.read_only ? " Read only." : ""}`;
  draw.prepare(again, take);
  step.prepare(state.read_only, again, take);
  train.prepare(state, take);
  errors.prepare((index) => { step.choose(index); location.hash = "step"; });
  await go();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

addEventListener("hashchange", () => { if (location.hash !== "#main") go(); });
addEventListener("server-is-back", async () => { await refresh(); await go(); });
addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || event.altKey || event.ctrlKey || event.metaKey) return;
  const next = SCREENS[Number(event.key) - 1];
  if (next && input("keys").checked) location.hash = next;
});
try {
  input("keys").checked = localStorage.getItem("keys") !== "off";
  input("keys").addEventListener("change", () => localStorage.setItem("keys", input("keys").checked ? "on" : "off"));
} catch { /* a browser that keeps nothing: the box holds for as long as the page is open */ }
begin();
