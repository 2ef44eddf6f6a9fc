"""To PyTorch and back: a network as an ``nn.Sequential`` of Linear layers and activations.

The last module is the last Linear: what it gives are the last layer's z, as PyTorch's losses expect them (CrossEntropyLoss,
BCEWithLogitsLoss, PoissonNLLLoss). For probabilities apply the network's output function to them. The names of the
state_dict are those of ``nn.Sequential(nn.Linear(…), nn.ReLU(), nn.Linear(…))``: ``0.weight``, ``0.bias``, ``2.weight`` …;
where the network scales its inputs, a module named ``scaling`` comes first, with ``scaling.offset`` and ``scaling.scale``.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.losses import BinaryCrossEntropy, CrossEntropy, Loss
from pellucid.equations.parameters import Layer, Layers
from pellucid.equations.scaling import Scaling
from pellucid.errors import MissingExtraError, SettingError, ShapeError
from pellucid.files import write_bytes
from pellucid.formats.model_file import Model
from pellucid.formats.scaling_in_float32 import is_identity

SOFTPLUS_THRESHOLD = 40.0
"""Above this PyTorch's Softplus gives z itself. By default it does so above 20, which float64 notices."""
LEAST_SOFTPLUS_THRESHOLD = 20.0
"""PyTorch's default, which errs by 2e-9 at most. One at a lower threshold is another function: at 1 it leaps by 0.3."""


def to_torch(model: Model) -> Any:
    """Make an ``nn.Sequential`` of a network, without the function behind the last z. Parameters are copied.

    Raises ``MissingExtraError`` where PyTorch is not installed.
    """
    torch = _torch()
    modules: dict[str, Any] = {}
    dtype = getattr(torch, str(model.layers[0].W.dtype))
    if not is_identity(model.architecture.scaling):
        modules["scaling"] = _own().ScalingModule(model.architecture.scaling, dtype)
    bends = _modules_by_name(torch.nn)
    for number, (W, b) in enumerate(model.layers):
        linear = torch.nn.utils.skip_init(torch.nn.Linear, W.shape[1], W.shape[0], dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(W))
            linear.bias.copy_(torch.tensor(b))
        modules[str(2 * number)] = linear
        if number < len(model.architecture.hidden):
            modules[str(2 * number + 1)] = bends[model.architecture.hidden[number].activation]()
    sequential = torch.nn.Sequential()
    for name, module in modules.items():
        sequential.add_module(name, module)
    return sequential.eval()


def write_torch(path: Path, model: Model) -> None:
    """Write the state_dict of ``to_torch``, for ``torch.load(path, weights_only=True)``, whole or not at all.

    It is PyTorch's own form: tensors by name, and nothing that loading could execute.
    """
    content = io.BytesIO()
    _torch().save(to_torch(model).state_dict(), content)
    write_bytes(path, content.getvalue())


def from_torch(
    module: Any,
    *,
    scaling: Scaling | None = None,
    loss: Loss | None = None,
    activation: str | Sequence[str] | None = None,
) -> tuple[Architecture, Layers]:
    """Read a chain of Linear layers and activations: an ``nn.Sequential``, or its state_dict with the ``activation`` named.

    Dropout, which does nothing when a network is asked, and a Flatten in front are passed over; a Softmax, LogSoftmax or
    Sigmoid at the end is the network's output. ``loss`` says what the outputs mean. Without it they are classes, one of
    several; behind a Sigmoid, yes or no. Raises ``SettingError`` for a module of another kind, ``ShapeError`` for one that
    does not fit.
    """
    if isinstance(module, Mapping):
        layers, hidden, found = _of_state_dict(module, activation)
        output = None
    else:
        if activation is not None:
            raise SettingError(
                "activation is given beside a module", "it with a state_dict, which does not know its own"
            )
        layers, hidden, found, output = _of_modules(module)
    outputs = layers[-1].b.size
    loss = loss or _loss_of(output, outputs)
    if output is not None and output != loss.output:
        raise SettingError(f"the module ends in {output}, and the loss {loss.name} in {loss.output}", "one of the two")
    architecture = Architecture((layers[0].W.shape[1],), hidden, outputs, loss, scaling or found or Scaling())
    architecture.check_layers(layers)
    return architecture, layers


def _torch() -> Any:
    try:
        return import_module("torch")
    except ImportError:
        raise MissingExtraError("PyTorch's form", "torch", "torch") from None


def _own() -> Any:
    return import_module("pellucid.formats.own_torch_modules")


def _modules_by_name(nn: Any) -> dict[str, Callable[[], Any]]:
    """Name the modules that compute what Pellucid's activations do."""
    return {
        "relu": nn.ReLU,
        "identity": nn.Identity,
        "logistic": nn.Sigmoid,
        "tanh": nn.Tanh,
        "scaled_tanh": _own().ScaledTanh,
        "leaky_relu": nn.LeakyReLU,
        "elu": nn.ELU,
        "selu": nn.SELU,
        "gelu": nn.GELU,
        "silu": nn.SiLU,
        "mish": nn.Mish,
        "softplus": lambda: nn.Softplus(threshold=SOFTPLUS_THRESHOLD),
    }


_SETTINGS: dict[str, dict[str, tuple[Callable[[Any], bool], str]]] = {
    "leaky_relu": {"negative_slope": (lambda slope: math.isclose(slope, 0.01), "0.01")},
    "elu": {"alpha": (lambda alpha: alpha == 1, "1")},
    "gelu": {"approximate": (lambda approximate: approximate == "none", "'none'")},
    "softplus": {
        "beta": (lambda beta: beta == 1, "1"),
        "threshold": (
            lambda threshold: threshold >= LEAST_SOFTPLUS_THRESHOLD,
            f"at least {LEAST_SOFTPLUS_THRESHOLD:g}",
        ),
    },
}
"""What may be set on a module, whether it computes what Pellucid's does then, and what is expected of it."""


def _name_of(module: Any, nn: Any) -> str:
    """Name the activation that a module computes."""
    for name, kind in _modules_by_name(nn).items():
        if type(module) is (nn.Softplus if name == "softplus" else kind):
            for setting, (is_ours, expected) in _SETTINGS.get(name, {}).items():
                if not is_ours(given := getattr(module, setting)):
                    got = f"{type(module).__name__} has {setting} {given!r}"
                    raise SettingError(got, f"{expected}, to be Pellucid's {name}")
            return name
    raise _unknown(module)


def _unknown(module: Any) -> SettingError:
    return SettingError(
        f"the module {type(module).__name__} is in the chain",
        "Linear layers, each but the last with one activation: " + ", ".join(_modules_by_name(_torch().nn)),
    )


def _flat(module: Any, nn: Any) -> Iterator[Any]:
    """Walk through chains of chains."""
    if isinstance(module, nn.Sequential):
        for each in module:
            yield from _flat(each, nn)
    elif not isinstance(module, nn.Dropout | nn.AlphaDropout):
        yield module


def _of_modules(module: Any) -> tuple[Layers, tuple[Hidden, ...], Scaling | None, str | None]:
    nn = _torch().nn
    chain, layers, bends = list(_flat(module, nn)), list[Layer](), list[str]()
    scaling, output = None, None
    if chain and isinstance(chain[0], _own().ScalingModule):
        first = chain.pop(0)
        scaling = Scaling(tuple(first.offset.tolist()), tuple(first.scale.tolist()))
    elif chain and isinstance(chain[0], nn.Flatten):
        chain.pop(0)
    if chain and (output := _output_of(chain[-1], nn)) is not None:
        chain.pop()
    for each in chain:
        if isinstance(each, nn.Linear):
            if len(bends) < len(layers):
                bends.append("identity")  # two Linear layers with nothing between
            layers.append(_layer(each.weight, each.bias))
        elif len(bends) < len(layers):
            bends.append(_name_of(each, nn))
        else:  # nothing to bend yet, or a second one behind the first
            raise _unknown(each)
    if not layers or len(bends) == len(layers):
        raise SettingError("the chain does not end in a Linear layer", "one, for the outputs")
    return tuple(layers), _hidden(layers, bends), scaling, output


def _output_of(module: Any, nn: Any) -> str | None:
    """Name the output function that the last module computes, if it is one. A Sigmoid may end a network, too."""
    if isinstance(module, nn.Softmax | nn.LogSoftmax):
        if module.dim not in (1, -1):
            raise SettingError(f"{type(module).__name__} has dim {module.dim}", "1, the classes")
        return "softmax"
    return "logistic" if isinstance(module, nn.Sigmoid) else None


def _of_state_dict(
    tensors: Mapping[str, Any], activation: str | Sequence[str] | None
) -> tuple[Layers, tuple[Hidden, ...], Scaling | None]:
    names = [name.removesuffix("weight") for name in tensors if name.endswith("weight")]
    known = {each for name in names for each in (f"{name}weight", f"{name}bias")} | {"scaling.offset", "scaling.scale"}
    extra = sorted(set(tensors) - known)
    if extra or not names or any(np.ndim(tensors[f"{name}weight"]) != 2 for name in names):
        got = f"the state_dict holds {', '.join(extra or [f'{name}weight' for name in names]) or 'nothing'}"
        raise SettingError(got, "weight (fan_out, fan_in) and bias of Linear layers alone")
    layers = [_layer(tensors[f"{name}weight"], tensors.get(f"{name}bias")) for name in names]
    if activation is None and len(layers) > 1:
        raise SettingError("a state_dict does not know its activations", "them by name", "Try activation='relu'.")
    bends = [activation or ""] * (len(layers) - 1) if isinstance(activation, str | None) else list(activation)
    if len(bends) != len(layers) - 1:
        raise SettingError(f"there are {len(bends)} activations", f"{len(layers) - 1}, one a hidden layer")
    scaling = None
    if "scaling.scale" in tensors:
        scaling = Scaling(tuple(tensors["scaling.offset"].tolist()), tuple(tensors["scaling.scale"].tolist()))
    return tuple(layers), _hidden(layers, bends), scaling


def _hidden(layers: Sequence[Layer], bends: Sequence[str]) -> tuple[Hidden, ...]:
    return tuple(Hidden(layer.b.size, bend) for layer, bend in zip(layers, bends, strict=False))


def _layer(weight: Any, bias: Any) -> Layer:
    """Copy a layer's tensors; half the digits become float32, which holds them all."""

    def array(tensor: Any) -> Any:
        kept = tensor.detach().cpu()
        return np.array(kept.double().numpy() if str(kept.dtype) == "torch.float64" else kept.float().numpy())

    W = array(weight)
    return Layer(W, np.zeros(len(W), W.dtype) if bias is None else array(bias))


def _loss_of(output: str | None, outputs: int) -> Loss:
    if output == "logistic":
        return BinaryCrossEntropy()
    if outputs == 1:
        raise ShapeError(
            "the network has one output, which may be yes or no, or a number",
            "loss=BinaryCrossEntropy() or loss=SquaredError()",
        )
    return CrossEntropy()
