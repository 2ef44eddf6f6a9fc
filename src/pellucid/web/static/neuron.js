// One neuron at work: weights, what it sees, their products, and the sum with its numbers.
import { post } from "./api.js";
import { find, make, math, sum } from "./dom.js";

/**
 * Show neuron `place` of layer `layer` for a picture.
 * @param {string} pixels
 * @param {number} layer
 * @param {number} place
 */
export async function showNeuron(pixels, layer, place) {
  /** @type {import("./types").NeuronRecord} */
  const seen = await post("neuron", { pixels, layer, place });
  const figure = (/** @type {import("./types").Drawn} */ drawn, /** @type {string} */ words) =>
    make("figure", {}, make("img", { class: "pixels", src: drawn.picture, alt: words }), make("figcaption", {}, `${words}, to ±${drawn.largest}`));
  const below = layer === 1 ? "The picture x" : `What layer ${layer - 1} says`;
  find("neuron-title").textContent = `${seen.name[0].toUpperCase()}${seen.name.slice(1)}: z = ${seen.z}`;
  find("neuron-body").replaceChildren(
    make("div", { class: "trio" },
      figure(seen.weights, "Its weights"), make("span", { class: "sign", "aria-hidden": "true" }, "×"),
      figure(seen.inputs, below), make("span", { class: "sign", "aria-hidden": "true" }, "="),
      figure(seen.contributions, "What each adds")),
    sum(seen.sum),
    seen.bend ? make("p", { class: "formula", tabindex: 0 }, math(seen.bend)) : "",
  );
  find("neuron").hidden = false;
}
