"""The notation: every symbol with its shape, every equation with its tag, formula and source.

A tag such as ``[dW]`` ties together the forms in which an equation appears: the function that computes it, the fast
kernel, the explanation on the screen and the documents. It is defined here, once; a test looks for tags that are
missing anywhere.

>>> print(EQUATIONS["dW"].plain)
dW = dzᵀ a
>>> print(EQUATIONS["dW"].function)
pellucid.equations.affine.affine_backward_parameters
"""

from __future__ import annotations

from typing import NamedTuple


class Symbol(NamedTuple):
    """A letter of the mathematics: what it is called, what it means, its shape."""

    name: str
    meaning: str
    shape: str


SYMBOLS = (
    Symbol("n, d, h, k", "examples in a batch, inputs, hidden neurons, classes", "sizes"),
    Symbol("X", "a batch of examples in the units of the data, a row each", "(n, d)"),
    Symbol("x", "the same, scaled: what the first layer sees", "(n, d)"),
    Symbol("y", "class indices (one-hot vectors in the formulas)", "(n,)"),
    Symbol("W", "a layer's weights", "(fan_out, fan_in)"),
    Symbol("b", "a layer's biases", "(fan_out,)"),
    Symbol("z", "pre-activations, W a + b; those of the last layer are the logits", "(n, fan_out)"),
    Symbol("a", "activations, f(z); the first a is x", "(n, fan_out)"),
    Symbol("p", "probabilities, softmax of the logits", "(n, k)"),
    Symbol("loss", "mean cross-entropy of the batch, in nats", "()"),
    Symbol("w", "weights of the examples, all 1 unless given", "(n,)"),
    Symbol("dS", "∂loss/∂S for any symbol S", "the shape of S"),
    Symbol("θ, g", "any parameter (a W or a b) and its gradient", "as W or b"),
    Symbol("m, v", "an optimiser's moments: running means of g and of g²", "as θ"),
    Symbol("t", "the number of the step, from 1", "()"),
    Symbol("η", "the learning rate", "()"),
)


class Equation(NamedTuple):
    """One equation: its tag, its name, the formula twice (plain text, LaTeX), where it is computed, where it is from."""

    tag: str
    name: str
    plain: str
    latex: str
    function: str
    source: str


_TEXT = "the text that this project makes real"
_GOODFELLOW = "Goodfellow, Bengio, Courville: Deep Learning (2016)"

_ALL = (
    Equation(
        "x", "scaling", "x = (X − offset) / scale", r"x = (X - \mathrm{offset}) / \mathrm{scale}",
        "scaling.scaled", f"{_GOODFELLOW}, section 12.2.1",
    ),
    Equation("z", "affine layer", "z = W a + b; a batch: z = a Wᵀ + b", r"z = W a + b", "affine.affine", _TEXT),
    Equation("a", "rectified linear unit", "a = max(0, z)", r"a = \max(0, z)", "relu.relu", _TEXT),
    Equation(
        "p", "softmax", "p_j = exp(z_j) / Σ_i exp(z_i)", r"p_j = e^{z_j} / \sum_i e^{z_i}",
        "softmax_cross_entropy.softmax", _TEXT,
    ),
    Equation(
        "loss", "cross-entropy, mean over the batch", "loss = −Σ_r w_r log p_r,y_r / Σ_r w_r",
        r"L = -\sum_r w_r \log p_{r,y_r} \big/ \sum_r w_r", "softmax_cross_entropy.cross_entropy", _TEXT,
    ),
    Equation(
        "dz_out", "gradient at the logits", "dz = w (p − y) / Σw",
        r"\partial L/\partial z = w\,(p - y) / \textstyle\sum w",
        "softmax_cross_entropy.softmax_cross_entropy_backward", _TEXT,
    ),
    Equation(
        "dW", "gradient of the weights", "dW = dzᵀ a", r"\partial L/\partial W = (\partial L/\partial z)^\top a",
        "affine.affine_backward_parameters", f"{_GOODFELLOW}, algorithm 6.4",
    ),
    Equation(
        "db", "gradient of the biases", "db = Σ_r dz_r",
        r"\partial L/\partial b = \textstyle\sum_r \partial L/\partial z_r",
        "affine.affine_backward_parameters", f"{_GOODFELLOW}, algorithm 6.4",
    ),
    Equation(
        "da", "gradient of the activations below", "da = dz W; one example: da = Wᵀ dz",
        r"\partial L/\partial a = W^\top\, \partial L/\partial z", "affine.affine_backward_input", _TEXT,
    ),
    Equation(
        "dz", "gradient of the pre-activations", "dz = da ⊙ [z > 0]",
        r"\partial L/\partial z = \partial L/\partial a \odot \mathbf{1}[z > 0]", "relu.relu_backward", _TEXT,
    ),
    Equation(
        "sgd", "stochastic gradient descent", "θ ← θ − η g", r"\theta \leftarrow \theta - \eta g",
        "optimizers.sgd", _TEXT,
    ),
    Equation(
        "momentum", "momentum", "m ← μ m + g;  θ ← θ − η m", r"m \leftarrow \mu m + g,\; \theta \leftarrow \theta - \eta m",
        "optimizers.momentum", "Polyak 1964; in the form of Sutskever et al., ICML 2013, with η outside m",
    ),
    Equation(
        "nesterov", "Nesterov's momentum", "m ← μ m + g;  θ ← θ − η (g + μ m)",
        r"m \leftarrow \mu m + g,\; \theta \leftarrow \theta - \eta (g + \mu m)",
        "optimizers.nesterov", "Nesterov 1983; in the form of Sutskever et al., ICML 2013, with η outside m",
    ),
    Equation(
        "adam", "Adam",
        "m ← β₁ m + (1−β₁) g;  v ← β₂ v + (1−β₂) g²;  θ ← θ − η m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε)",
        r"m \leftarrow \beta_1 m + (1-\beta_1) g,\; v \leftarrow \beta_2 v + (1-\beta_2) g^2,\; "
        r"\theta \leftarrow \theta - \eta \frac{m/(1-\beta_1^t)}{\sqrt{v/(1-\beta_2^t)} + \varepsilon}",
        "optimizers.adam", "Kingma, Ba: Adam, ICLR 2015 (arXiv:1412.6980), algorithm 1",
    ),
    Equation(
        "adamw", "Adam with decoupled weight decay", "θ ← θ − η λ θ, then [adam]",
        r"\theta \leftarrow \theta - \eta \lambda \theta,\ \text{then Adam}",
        "optimizers.adamw", "Loshchilov, Hutter: Decoupled Weight Decay Regularization, ICLR 2019 (arXiv:1711.05101)",
    ),
    Equation(
        "constant", "constant rate", "η_t = η", r"\eta_t = \eta", "schedules.constant", _TEXT,
    ),
    Equation(
        "linear", "linear decay", "η_t = η (1 − t/T)", r"\eta_t = \eta (1 - t/T)", "schedules.linear", "folklore",
    ),
    Equation(
        "cosine", "cosine decay", "η_t = η (1 + cos(π t/T)) / 2", r"\eta_t = \eta\,(1 + \cos(\pi t/T))/2",
        "schedules.cosine", "Loshchilov, Hutter: SGDR, ICLR 2017 (arXiv:1608.03983), equation 5",
    ),
    Equation(
        "one-cycle", "one cycle", "η_t rises linearly to η over the first 30 % of T, then falls by [cosine]",
        r"\eta_t = \eta\, t / (0.3\,T)\ \text{for}\ t < 0.3\,T,\ \text{then cosine}",
        "schedules.one_cycle", "after Smith, Topin: Super-Convergence, 2018 (arXiv:1708.07120)",
    ),
    Equation(
        "he", "He initialisation", "W ~ U(−√(6/fan_in), √(6/fan_in)) or N(0, 2/fan_in);  b = 0",
        r"W \sim U\big(\pm\sqrt{6/\mathrm{fan_{in}}}\big)\ \text{or}\ N(0, 2/\mathrm{fan_{in}}),\; b = 0",
        "initialization.he_uniform", "He et al.: Delving Deep into Rectifiers, ICCV 2015 (arXiv:1502.01852), equation 10",
    ),
    Equation(
        "glorot", "Glorot initialisation", "W ~ U(±√(6/(fan_in+fan_out))) or N(0, 2/(fan_in+fan_out));  b = 0",
        r"W \sim U\big(\pm\sqrt{6/(\mathrm{fan_{in}}+\mathrm{fan_{out}})}\big),\; b = 0",
        "initialization.glorot_uniform", "Glorot, Bengio, AISTATS 2010, equation 16",
    ),
    Equation(
        "bfloat16", "rounding to eight significant bits", "x̂ = the bfloat16 nearest to x",
        r"\hat{x} = \mathrm{round}_{8\,\mathrm{bits}}(x)",
        "bfloat16.rounded_to_bfloat16", "Kalamkar et al.: A Study of BFLOAT16 for Deep Learning Training, arXiv:1905.12322",
    ),
    Equation(
        "philox", "counter-based random words", "words = Philox4x32-10(counter, key)",
        r"\mathrm{words} = \mathrm{Philox}_{4\times32}^{10}(\mathrm{counter}, \mathrm{key})",
        "random_streams.philox", "Salmon et al.: Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011",
    ),
    Equation(
        "uniform", "uniform numbers", "u = (53 random bits) / 2⁵³", r"u = \mathrm{bits}_{53} / 2^{53}",
        "random_streams.uniforms", "folklore",
    ),
    Equation(
        "normal", "normal numbers", "g = √(−2 log(1−u₁)) cos(2π u₂)", r"g = \sqrt{-2\log(1-u_1)}\cos(2\pi u_2)",
        "random_streams.normals", "Box, Muller: Annals of Mathematical Statistics 29(2), 1958",
    ),
    Equation(
        "permutation", "random order", "order = argsort(64 random bits for each example)",
        r"\mathrm{order} = \mathrm{argsort}(\mathrm{bits}_{64})", "random_streams.permutation", "folklore",
    ),
    Equation(
        "accuracy", "accuracy", "share of examples with argmax z = y", r"\frac1n \sum_r \mathbf{1}[\arg\max z_r = y_r]",
        "metrics.accuracy", "folklore",
    ),
    Equation(
        "confusion", "confusion matrix", "C_ij = number of examples of class i taken for class j",
        r"C_{ij} = \#\{r : y_r = i,\ \arg\max z_r = j\}", "metrics.confusion_matrix", "folklore",
    ),
    Equation(
        "precision", "precision and recall", "precision_j = C_jj / Σ_i C_ij;  recall_i = C_ii / Σ_j C_ij",
        r"\mathrm{precision}_j = C_{jj}/\textstyle\sum_i C_{ij},\ \mathrm{recall}_i = C_{ii}/\sum_j C_{ij}",
        "metrics.precision_and_recall", "van Rijsbergen: Information Retrieval, 2nd edition, 1979, chapter 7",
    ),
    Equation(
        "ece", "expected calibration error", "ECE = Σ_bins (n_bin/n) |accuracy − confidence|",
        r"\mathrm{ECE} = \sum_b \frac{n_b}{n}\,|\mathrm{acc}_b - \mathrm{conf}_b|",
        "metrics.calibration", "Guo et al.: On Calibration of Modern Neural Networks, ICML 2017, equation 3",
    ),
    Equation(
        "difference", "central difference", "ĝ = (L(θ+ε) − L(θ−ε)) / 2ε",
        r"\hat g = (L(\theta+\epsilon) - L(\theta-\epsilon)) / 2\epsilon",
        "finite_differences.central_difference", f"{_GOODFELLOW}, section 11.5",
    ),
    Equation(
        "agreement", "relative difference of two gradients", "‖g − ĝ‖ / (‖g‖ + ‖ĝ‖)",
        r"\|g - \hat g\| / (\|g\| + \|\hat g\|)",
        "finite_differences.relative_difference", "folklore",
    ),
)  # fmt: skip

EQUATIONS: dict[str, Equation] = {
    equation.tag: equation._replace(function=f"{__package__}.{equation.function}") for equation in _ALL
}
