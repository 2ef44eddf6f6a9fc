// Making elements, without innerHTML: text stays text. Formulas (MathML) and charts (SVG) come from the server as XML.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Make an element: properties beginning with "on" are listeners, others attributes; true is an attribute without a value.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map((child) => /** @type {Node | string} */ (child)));
  return element;
}

/**
 * Find an element that is there.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function find(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no ${id}`);
  return element;
}

/** @param {string} id */
export const input = (id) => /** @type {HTMLInputElement} */ (find(id));
/** @param {string} id */
export const select = (id) => /** @type {HTMLSelectElement} */ (find(id));
/** @param {string} id */
export const button = (id) => /** @type {HTMLButtonElement} */ (find(id));
/** @param {string} id */
export const image = (id) => /** @type {HTMLImageElement} */ (find(id));

/**
 * @param {string} xml
 * @param {"application/xml" | "image/svg+xml"} kind
 */
function parsed(xml, kind) {
  const root = new DOMParser().parseFromString(xml, kind).documentElement;
  return document.importNode(root, true);
}

/**
 * A formula.
 * @param {import("./types").Written} written
 */
export function math(written) {
  return parsed(`<math xmlns="http://www.w3.org/1998/Math/MathML"><mrow>${written.mathml}</mrow></math>`, "application/xml");
}

/**
 * A chart that the server has drawn.
 * @param {string} xml
 */
export function chart(xml) {
  return parsed(xml.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '), "image/svg+xml");
}

/**
 * Show a picture so that none of its pixels is lost: a small one with hard edges, a large one smoothed.
 * @param {HTMLImageElement} picture
 */
export function sized(picture) {
  picture.addEventListener("load", () => picture.classList.toggle("fine", picture.naturalWidth > picture.clientWidth));
}

/** @param {string} numeral the class of a number's sign */
export function sign(numeral) {
  return numeral.startsWith("−") ? "minus" : /[1-9∞]/.test(numeral) ? "plus" : "";
}

/**
 * A sum as a column that adds up.
 * @param {import("./types").Column} column
 */
export function sum(column) {
  const rows = column.parts.map((part) => make("tr", {}, make("td", { class: sign(part.amount) }, part.amount), make("td", {}, math(part.what))));
  const total = make("tr", { class: "total" }, make("td", { class: sign(column.total) }, column.total), make("td", {}));
  const caption = make("caption", {}, math(column.makes), " is the sum of");
  return make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": `${column.makes.text} as a sum` }, make("table", { class: "sum" }, caption, make("tbody", {}, ...rows, total)));
}

/**
 * A table with headings; the first cell of each row is its heading.
 * @param {string[]} headings
 * @param {Child[][]} rows
 * @param {string} [kind]
 */
export function table(headings, rows, kind = "") {
  const head = make("tr", {}, ...headings.map((words) => make("th", { scope: "col" }, words)));
  const body = rows.map(([first, ...rest]) => make("tr", {}, make("th", { scope: "row" }, first), ...rest.map((cell) => make("td", {}, cell))));
  return make("table", { class: kind }, make("thead", {}, head), make("tbody", {}, ...body));
}

/**
 * Make arrow keys walk over the buttons of a grid, of which one is in the tab order.
 * @param {HTMLElement} grid
 * @param {number} columns
 */
export function walkable(grid, columns) {
  grid.addEventListener("keydown", (event) => {
    const buttons = [...grid.querySelectorAll("button")];
    const here = buttons.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -here, End: buttons.length - 1 - here }[event.key];
    if (here < 0 || by === undefined || !buttons[here + by]) return;
    event.preventDefault();
    buttons[here].tabIndex = -1;
    buttons[here + by].tabIndex = 0;
    buttons[here + by].focus();
  });
}
