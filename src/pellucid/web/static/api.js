// The only door to the server: requests with the page's token, and what to do when nobody answers.
import { button, find } from "./dom.js";

const token = document.querySelector('meta[name="token"]')?.getAttribute("content") ?? "";
let instance = "";
let lost = false;

/** An answer that says no, with the server's sentence. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The server does not answer. The banner says so; nothing else need be done. */
export class Lost extends Error {}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export const get = (path) => ask(path, { method: "GET" });

/**
 * @param {string} path
 * @param {object} [record]
 * @returns {Promise<any>}
 */
export const post = (path, record = {}) =>
  ask(path, { method: "POST", body: JSON.stringify(record), headers: { "Content-Type": "application/json", "X-Token": token } });

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function ask(path, options) {
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, options);
  } catch {
    serverIsLost();
    throw new Lost("the server does not answer");
  }
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Refused(response.status, "broken", `The server gave an answer that cannot be read (${response.status}).`);
  }
  if (!response.ok) {
    if (answer.error?.code === "token") serverIsAnother();
    throw new Refused(response.status, answer.error?.code ?? "", answer.error?.message ?? String(response.status));
  }
  return answer;
}

/** @param {string} name the server's instance, as the first answer gave it */
export function remember(name) {
  instance = name;
}

/** @param {string} words @param {boolean} reload */
function banner(words, reload) {
  find("banner-words").textContent = words;
  button("banner-reload").hidden = !reload;
  find("banner").hidden = false;
}

function serverIsAnother() {
  lost = true;
  banner("The server was started anew: this page belongs to the one before. What you drew is still here until you reload.", true);
}

function serverIsLost() {
  if (lost) return;
  lost = true;
  banner("The server does not answer. Is it still running? The page keeps its last numbers, and tries again.", false);
  document.documentElement.dataset.lost = "true";
  const retry = (/** @type {number} */ seconds) =>
    setTimeout(async () => {
      try {
        const response = await fetch("/api/v1/state");
        const state = await response.json();
        delete document.documentElement.dataset.lost;
        if (state.instance !== instance) return serverIsAnother();
        lost = false;
        find("banner").hidden = true;
        dispatchEvent(new Event("server-is-back"));
      } catch {
        retry(Math.min(2 * seconds, 8));
      }
    }, 1000 * seconds);
  retry(1);
}

button("banner-reload").addEventListener("click", () => location.reload());
