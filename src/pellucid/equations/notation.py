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
    Symbol("n, d, h, k", "examples in a batch, inputs, hidden neurons, classes (or outputs)", "sizes"),
    Symbol("X", "a batch of examples in the units of the data, a row each", "(n, d)"),
    Symbol("x", "the same, scaled: what the first layer sees", "(n, d)"),
    Symbol("y", "class indices (one-hot vectors in the formulas); with other losses, numbers (n, k)", "(n,)"),
    Symbol("W", "a layer's weights", "(fan_out, fan_in)"),
    Symbol("b", "a layer's biases", "(fan_out,)"),
    Symbol("z", "pre-activations, W a + b; those of the last layer are the logits", "(n, fan_out)"),
    Symbol("a", "activations, f(z); the first a is x", "(n, fan_out)"),
    Symbol("p", "probabilities, softmax of the logits; with other losses, what the network puts out", "(n, k)"),
    Symbol("ℓ", "the loss of one example", "(n,)"),
    Symbol("loss", "mean cross-entropy of the batch, in nats; with other losses, the mean ℓ", "()"),
    Symbol("w", "weights of the examples, all 1 unless given", "(n,)"),
    Symbol("dS", "∂loss/∂S for any symbol S", "the shape of S"),
    Symbol("θ, g", "any parameter (a W or a b) and its gradient", "as W or b"),
    Symbol("m, v", "an optimiser's moments: running means of g and of g²", "as θ"),
    Symbol("t", "the number of the step, from 1", "()"),
    Symbol("η", "the learning rate", "()"),
    Symbol("σ, Φ, φ", "the logistic function; the standard normal distribution and its density", "any"),
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
_LECUN = "LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86(11), 1998"
_HINTON = "Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015 (arXiv:1503.02531)"
_GOODFELLOW = "Goodfellow, Bengio, Courville: Deep Learning (2016)"

_HERE = (
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
        "warm-up", "warm-up", "η_t = η (t + 1) / s for t < s; then a schedule over the T − s steps that remain",
        r"\eta_t = \eta\,(t+1)/s\ \text{for}\ t < s", "schedules.rising",
        "Goyal et al.: Accurate, Large Minibatch SGD, 2017 (arXiv:1706.02677), section 2.2",
    ),
    Equation(
        "inverse-scaling", "inverse scaling", "η_t = η / (t + 1)^power", r"\eta_t = \eta / (t+1)^{\mathrm{power}}",
        "schedules.inverse_scaling",
        "after Robbins, Monro: A Stochastic Approximation Method, Annals of Mathematical Statistics 22(3), 1951",
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
    Equation(
        "decompose", "a sum's largest terms and the rest", "Σ_i t_i = t_(1) + … + t_(m) + rest",
        r"\textstyle\sum_i t_i = t_{(1)} + \dots + t_{(m)} + \mathrm{rest}", "decompose.decompose", "folklore",
    ),
)  # fmt: skip

_BEYOND = (
    Equation("identity", "identity", "a = z", r"a = z", "identity.identity", "folklore"),
    Equation(
        "logistic", "logistic function", "a = 1 / (1 + e^−z)", r"a = 1 / (1 + e^{-z})", "logistic.logistic",
        "Verhulst 1845; in networks Rumelhart, Hinton, Williams, Nature 323, 1986",
    ),
    Equation(
        "tanh", "hyperbolic tangent", "a = (e^z − e^−z) / (e^z + e^−z)", r"a = (e^z - e^{-z}) / (e^z + e^{-z})",
        "tanh.tanh", "LeCun, Bottou, Orr, Müller: Efficient BackProp, 1998, section 4.4",
    ),
    Equation(
        "scaled-tanh", "scaled hyperbolic tangent", "a = 1.7159 tanh(2z/3)", r"a = 1.7159 \tanh(\tfrac23 z)",
        "scaled_tanh.scaled_tanh", f"{_LECUN}, appendix A",
    ),
    Equation(
        "leaky-relu", "leaky ReLU", "a = max(0.01 z, z)", r"a = \max(0.01\,z, z)", "leaky_relu.leaky_relu",
        "Maas, Hannun, Ng: Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013",
    ),
    Equation(
        "elu", "exponential linear unit", "a = z where z > 0, else e^z − 1",
        r"a = \max(0, z) + (e^{\min(0, z)} - 1)", "elu.elu",
        "Clevert, Unterthiner, Hochreiter: ELUs, ICLR 2016 (arXiv:1511.07289)",
    ),
    Equation(
        "selu", "scaled exponential linear unit", "a = λ z where z > 0, else λ α (e^z − 1)",
        r"a = \lambda \max(0, z) + \lambda\alpha\,(e^{\min(0, z)} - 1)", "selu.selu",
        "Klambauer et al.: Self-Normalizing Neural Networks, NeurIPS 2017 (arXiv:1706.02515), equation 2",
    ),
    Equation(
        "normal-cdf", "standard normal distribution", "Φ(z) = (1 + erf(z/√2)) / 2",
        r"\Phi(z) = \int_{-\infty}^z e^{-s^2/2}\,ds \big/ \sqrt{2\pi}", "normal_distribution.normal_cdf",
        "Gauss 1809; computed after Shepherd, Laframboise, Mathematics of Computation 36, 1981",
    ),
    Equation(
        "gelu", "Gaussian error linear unit", "a = z Φ(z)", r"a = z\,\Phi(z)", "gelu.gelu",
        "Hendrycks, Gimpel: Gaussian Error Linear Units, 2016 (arXiv:1606.08415)",
    ),
    Equation(
        "silu", "sigmoid linear unit (swish)", "a = z σ(z)", r"a = z\,\sigma(z)", "silu.silu",
        "Hendrycks, Gimpel 2016 (arXiv:1606.08415); Elfwing, Uchibe, Doya 2017 (arXiv:1702.03118)",
    ),
    Equation(
        "mish", "Mish", "a = z tanh(log(1 + e^z))", r"a = z \tanh(\log(1 + e^z))", "mish.mish",
        "Misra: Mish, BMVC 2020 (arXiv:1908.08681)",
    ),
    Equation(
        "softplus", "softplus", "a = log(1 + e^z)", r"a = \log(1 + e^z)", "softplus.softplus",
        "Dugas et al.: Incorporating Second-Order Functional Knowledge for Better Option Pricing, NIPS 2000",
    ),
    Equation(
        "binary-loss", "binary cross-entropy of an example",
        "ℓ = Σ_j −y_j log p_j − (1 − y_j) log(1 − p_j), p = σ(z);  ∂ℓ/∂z = p − y",
        r"\ell = -\sum_j y_j \log p_j + (1 - y_j) \log(1 - p_j),\; p = \sigma(z)",
        "binary_cross_entropy.binary_cross_entropy_of_each", f"{_GOODFELLOW}, section 6.2.2.2",
    ),
    Equation(
        "class-squared", "squared error of a class",
        "ℓ = ½ Σ_j (p_j − t_j)², p = 1.7159 tanh(2z/3), t_y = 1, else −1;  ∂ℓ/∂z = (p − t) ⊙ 2/3 (1.7159 − p²/1.7159)",
        r"\ell = \tfrac12 \sum_j (p_j - t_j)^2,\; p = 1.7159 \tanh(\tfrac23 z),\; t_y = 1, t_{j \neq y} = -1",
        "class_squared_error.class_squared_error_of_each", f"{_LECUN}, section II.C and appendix A",
    ),
    Equation(
        "class-shares", "probabilities from outputs of least squares", "s_j = q_j / Σ_i q_i, q_j = max(2⁻²⁰, 1 + p_j)",
        r"s_j = q_j / \sum_i q_i,\; q_j = \max(2^{-20}, 1 + p_j)", "class_squared_error.class_shares",
        "Richard, Lippmann: Neural Network Classifiers Estimate Bayesian Probabilities, Neural Computation 3(4), 1991",
    ),
    Equation(
        "squared", "squared error of an example", "ℓ = ½ Σ_j (p_j − y_j)²;  ∂ℓ/∂p = p − y",
        r"\ell = \tfrac12 \sum_j (p_j - y_j)^2", "squared_error.squared_error_of_each", "Legendre 1805; Gauss 1809",
    ),
    Equation(
        "absolute", "absolute error of an example", "ℓ = Σ_j |p_j − y_j|;  ∂ℓ/∂p = sign(p − y)",
        r"\ell = \sum_j |p_j - y_j|", "absolute_error.absolute_error_of_each", "Boscovich 1757; Laplace 1793",
    ),
    Equation(
        "huber", "Huber's loss of an example", "ℓ = Σ_j ½ e_j² where |e_j| ≤ δ, else δ (|e_j| − ½ δ), e = p − y",
        r"\ell = \sum_j c_j (|e_j| - \tfrac12 c_j),\; e = p - y,\; c_j = \min(|e_j|, \delta)", "huber.huber_of_each",
        "Huber: Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35(1), 1964",
    ),
    Equation(
        "quantile", "quantile loss of an example", "ℓ = Σ_j max(q (y_j − p_j), (1 − q) (p_j − y_j))",
        r"\ell = \sum_j \max(q\,(y_j - p_j), (1-q)(p_j - y_j))", "quantile.quantile_of_each",
        "Koenker, Bassett: Regression Quantiles, Econometrica 46(1), 1978",
    ),
    Equation(
        "poisson", "half the Poisson deviance of an example", "ℓ = Σ_j p_j − y_j z_j + (y_j log y_j − y_j), p = e^z",
        r"\ell = \sum_j p_j - y_j z_j + (y_j \log y_j - y_j),\; p = e^z", "poisson.poisson_of_each",
        "McCullagh, Nelder: Generalized Linear Models, 2nd edition, 1989, section 2.3",
    ),
    Equation(
        "label-smoothing", "label smoothing", "y ← (1 − ε) y + ε / k", r"y \leftarrow (1-\varepsilon)\,y + \varepsilon/k",
        "label_smoothing.smoothed_labels",
        "Szegedy et al.: Rethinking the Inception Architecture, CVPR 2016 (arXiv:1512.00567), section 7",
    ),
    Equation(
        "softened", "softened probabilities", "p_T = softmax(z / T)", r"p_T = \operatorname{softmax}(z / T)",
        "distillation.softened", f"{_HINTON}, section 2",
    ),
    Equation(
        "distillation", "distillation",
        "ℓ ← (1 − λ) ℓ + λ T² Σ_j −q_T,j log p_T,j;  ∂ℓ/∂z ← (1 − λ) ∂ℓ/∂z + λ T (p_T − q_T)",
        r"\ell \leftarrow (1-\lambda)\,\ell - \lambda T^2 \sum_j q_{T,j} \log p_{T,j}", "distillation.distilled_of_each",
        f"{_HINTON}, section 2",
    ),
    Equation(
        "dropout", "dropout", "a ← a ⊙ mask, mask = 1 / (1 − rate) where kept, 0 where not",
        r"a \leftarrow a \odot \mathrm{mask},\; \mathrm{mask} \in \{0, 1/(1-\mathrm{rate})\}", "dropout.dropout_mask",
        "Srivastava et al.: Dropout, Journal of Machine Learning Research 15, 2014, section 10",
    ),
    Equation(
        "l2", "L2 penalty", "loss ← loss + α / (2 Σw) · Σ ‖W‖²;  dW ← dW + (α / Σw) W",
        r"L \leftarrow L + \frac{\alpha}{2 \sum w} \sum \|W\|^2", "l2.l2_penalty",
        "Krogh, Hertz: A Simple Weight Decay Can Improve Generalization, NIPS 1991",
    ),
    Equation(
        "clip", "gradient clipping", "g ← g · min(1, c / ‖g‖)", r"g \leftarrow g \cdot \min(1, c / \|g\|)",
        "clipping.clipped",
        "Pascanu, Mikolov, Bengio: On the difficulty of training RNNs, ICML 2013 (arXiv:1211.5063), algorithm 1",
    ),
    Equation(
        "max-norm", "max-norm constraint", "W_j ← W_j · min(1, c / ‖W_j‖) for each neuron j, after the update",
        r"W_j \leftarrow W_j \cdot \min(1, c / \|W_j\|)", "max_norm.within_norm",
        "Srebro, Shraibman: Rank, Trace-Norm and Max-Norm, COLT 2005; Srivastava et al., JMLR 15, 2014, section 5.1",
    ),
    Equation(
        "average", "running mean of the parameters", "θ̄ ← θ̄ + (θ − θ̄) / k",
        r"\bar\theta \leftarrow \bar\theta + (\theta - \bar\theta)/k", "averaging.averaged",
        "Izmailov et al.: Averaging Weights Leads to Wider Optima, UAI 2018 (arXiv:1803.05407), algorithm 1",
    ),
    Equation(
        "round", "mean of several trainings", "θ̄ = Σ_i s_i θ_i,  s_i = Σw of part i / Σw of all",
        r"\bar\theta = \sum_i s_i\,\theta_i,\; s_i = \textstyle\sum w_{\mathrm{part}\,i} / \sum w", "rounds.weighted_sum",
        "McMahan et al.: Communication-Efficient Learning of Deep Networks, AISTATS 2017 (arXiv:1602.05629), algorithm 1",
    ),
    Equation(
        "outer", "momentum of rounds", "v ← μ v + ρ (θ̄ − θ);  θ ← θ + v",
        r"v \leftarrow \mu v + \rho\,(\bar\theta - \theta),\; \theta \leftarrow \theta + v", "rounds.outer_step",
        "Chen, Huo: Scalable training of deep learning machines by incremental block training, ICASSP 2016",
    ),
    Equation(
        "affine-map", "affine map of a picture", "p = M (q − c − t) + c,  M = S⁻¹ H⁻¹ R⁻¹",
        r"p = S^{-1} H^{-1} R^{-1} (q - c - t) + c", "affine_map.affine_map",
        "LeCun et al., Proceedings of the IEEE 86(11), 1998, section III.A",
    ),
    Equation(
        "gaussian", "Gaussian smoothing as a matrix", "G_ij = e^(−(i−j)²/2σ²) / Σ_m e^(−m²/2σ²)",
        r"G_{ij} = e^{-(i-j)^2/2\sigma^2} \big/ \sum_m e^{-m^2/2\sigma^2}", "elastic.gaussian_smoothing",
        "Simard, Steinkraus, Platt: Best Practices for Convolutional Neural Networks, ICDAR 2003, section 2",
    ),
    Equation(
        "elastic", "elastic displacement", "D = α G U Gᵀ, once for x, once for y", r"D = \alpha\, G U G^\top",
        "elastic.elastic_displacement",
        "Simard, Steinkraus, Platt: Best Practices for Convolutional Neural Networks, ICDAR 2003, section 2",
    ),
    Equation(
        "bilinear", "bilinear interpolation", "v = (1−f)(1−e) v₀₀ + (1−f) e v₀₁ + f (1−e) v₁₀ + f e v₁₁",
        r"v = (1-f)(1-e)\,v_{00} + (1-f)\,e\,v_{01} + f(1-e)\,v_{10} + f e\,v_{11}", "bilinear.bilinear",
        "Simard, Steinkraus, Platt: Best Practices for Convolutional Neural Networks, ICDAR 2003, section 2",
    ),
    Equation(
        "slant", "slant of a picture's ink", "s = Σ v (x − x̄)(y − ȳ) / Σ v (y − ȳ)²",
        r"s = \sum v (x - \bar x)(y - \bar y) \big/ \sum v (y - \bar y)^2", "deslanting.slant",
        f"{_LECUN}, section III.A",
    ),
    Equation(
        "deslant", "a picture set upright", "v'(x, y) = v(x + s (y − ȳ), y)", r"v'(x, y) = v(x + s (y - \bar y), y)",
        "deslanting.deslanted", f"{_LECUN}, section III.A",
    ),
    Equation(
        "augment", "augmentation", "X ← [bilinear] of X at [affine-map] + [elastic]",
        r"X \leftarrow v(\mathrm{affine\ map} + D)", "augmentation.augmented",
        "Simard, Steinkraus, Platt, ICDAR 2003; LeCun et al., Proceedings of the IEEE 86(11), 1998, section III.A",
    ),
)  # fmt: skip

EQUATIONS: dict[str, Equation] = {
    equation.tag: equation._replace(function=f"{room}.{equation.function}")
    for room, equations in ((__package__, _HERE), (f"{__package__}.beyond", _BEYOND))
    for equation in equations
}
