"""Models to write, and files made by hand: sound ones, and ones that no writer would write."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import NamedTuple

import numpy as np
import pytest

from pellucid import Network, datasets
from pellucid.answers import Task
from pellucid.engines import ReferenceEngine, choose
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.losses import BinaryCrossEntropy, ClassSquaredError, CrossEntropy, Huber, Poisson, SquaredError
from pellucid.equations.parameters import Layer
from pellucid.equations.scaling import Scaling
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS
from pellucid.errors import DataError
from pellucid.formats.model_file import Model, write_model
from pellucid.training.examples import Examples
from pellucid.training.loop import fit
from pellucid.training.settings import Settings

_TYPES = {np.dtype(np.float16): "F16", np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}
_TYPES |= {np.dtype(np.int64): "I64"}


@pytest.fixture(scope="session")
def example():
    """The worked network as a model with all that a model may hold."""
    return Model(
        ARCHITECTURE,
        LAYERS,
        ("cat", "dog"),
        feature_names=("a", "b", "c=x", "c=y"),
        columns=(("a", None), ("b", None), ("c", ("x", "y"))),
        training={"seed": 0, "epochs": 3, "solver": "sgd"},
        test_accuracy=0.875,
        version="0.0.1",
    )


@pytest.fixture(scope="session")
def random_model():
    """Draw a model of given widths and type."""

    def draw(widths, dtype, seed, **about):
        rng = np.random.default_rng(seed)
        scaling = Scaling(tuple(rng.normal(size=widths[0]).tolist()), tuple(rng.uniform(1, 9, widths[0]).tolist()))
        architecture = Architecture((widths[0],), tuple(map(Hidden, widths[1:-1])), widths[-1], scaling=scaling)
        layers = tuple(
            Layer(rng.normal(size=shape).astype(dtype), rng.normal(size=shape[0]).astype(dtype))
            for shape in architecture.weight_shapes
        )
        return Model(architecture, layers, about.pop("classes", tuple(range(widths[-1]))), **about)

    return draw


@pytest.fixture(scope="session")
def raw_file():
    """Put a safetensors file together by hand: the header given as bytes or as a dictionary, and what follows it."""

    def assemble(header, body=b"", declared=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return (len(text) if declared is None else declared).to_bytes(8, "little") + text + body

    return assemble


@pytest.fixture(scope="session")
def by_hand(raw_file):
    """Put a container together by hand from any arrays and any text of a record."""

    def assemble(arrays, record):
        entries, body = {}, b""
        for name, array in arrays.items():
            content = np.ascontiguousarray(array).tobytes()
            place = [len(body), len(body) + len(content)]
            entries[name] = {"dtype": _TYPES[array.dtype], "shape": list(array.shape), "data_offsets": place}
            body += content
        metadata = {"pellucid": record if isinstance(record, str) else json.dumps(record)}
        return raw_file({"__metadata__": metadata} | entries, body)

    return assemble


@pytest.fixture
def example_bytes(tmp_path, example):
    """The bytes of the example's file."""
    write_model(tmp_path / "example.safetensors", example)
    return (tmp_path / "example.safetensors").read_bytes()


@pytest.fixture
def example_arrays():
    """The example's arrays by their names, to be spoiled."""
    return {
        f"layers.{i}.{kind}": array.copy()
        for i, layer in enumerate(LAYERS)
        for kind, array in (("weight", layer.W), ("bias", layer.b))
    }


@pytest.fixture
def example_record(example_bytes):
    """The example's record, to be spoiled."""
    length = int.from_bytes(example_bytes[:8], "little")
    return json.loads(json.loads(example_bytes[8 : 8 + length])["__metadata__"]["pellucid"])


SCALINGS = {
    "none": Scaling(),
    "pixels": Scaling((0.0,), (255.0,)),
    "years": Scaling((1999.7, -3.0, 0.0, 1e6, 0.1), (10.0, 1.0, 0.3, 7.0, 1e-3)),
}
TASKS = {
    "words": (CrossEntropy(), 3, ("été", 'a "b"\\??/', "c")),
    "whole numbers": (CrossEntropy(), 4, (30, 10, -20, 2**40)),
    "fractions": (CrossEntropy(), 3, (0.5, -1.25, 2.0)),
    "outputs of least squares": (ClassSquaredError(), 3, ("a", "b", "c")),
    "two words": (CrossEntropy(), 2, ("yes", "no")),
    "yes or no": (BinaryCrossEntropy(), 1, ("yes", "no")),
    "true or false": (BinaryCrossEntropy(), 1, (False, True)),
    "several labels": (BinaryCrossEntropy(), 4, ("a", "b", "c", "d")),
    "a number": (SquaredError(), 1, ()),
    "numbers": (Huber(delta=2.0), 3, ()),
    "counts": (Poisson(), 2, ()),
}


class Traveller(NamedTuple):
    """A network, and examples that it is asked about at home and abroad."""

    network: Network
    X: np.ndarray

    @property
    def at_home(self):
        """What ``predict_proba`` gives, or ``predict`` where there are no probabilities: (n, k)."""
        if self.network.task is Task.NUMBERS:
            return self.network.predict(self.X).reshape(len(self.X), -1)
        return self.network.predict_proba(self.X)


@pytest.fixture(scope="session")
def traveller():
    """Draw a network of a task, an activation, a type and a scaling, and examples in its units."""

    def draw(task="words", activation="relu", dtype=np.float32, scaling="years", hidden=(7, 6)):
        loss, outputs, classes = TASKS[task]
        layers = tuple(Hidden(width, activation) for width in hidden)
        architecture = Architecture((5,), layers, outputs, loss=loss, scaling=SCALINGS[scaling])
        rng = np.random.default_rng(5)
        parameters = tuple(
            Layer(rng.normal(size=shape).astype(dtype), rng.normal(size=shape[0]).astype(dtype) / 4)
            for shape in architecture.weight_shapes
        )
        X = architecture.scaling.offsets + architecture.scaling.scales * rng.normal(size=(60, 5))
        network = Network(architecture, parameters, classes, engine=ReferenceEngine())
        return Traveller(network, X.astype(np.float32))

    return draw


@pytest.fixture(scope="session")
def differences():
    """Bound how far two ways of computing a network in ``dtype`` lie apart: → of each z, of each output.

    Rounding errors are as good as independent: in a sum of n terms they add up as √n does (Higham, Mary: A New Approach to
    Probabilistic Rounding Error Analysis, 2019), and each layer passes on those of the one before by the squares of its
    weights. No activation is steeper than SELU, 1.76; each errs by a few units in the last place of 1 + |a|.
    """

    def bound(network, X, dtype):
        eps, trace = float(np.finfo(dtype).eps), network.forward(X)
        error = 4 * eps * np.abs(trace.x)
        for (W, b), seen in zip(network.layers, trace.layers, strict=True):
            of_sum = (np.sqrt(W.shape[1]) + 4) * eps * (np.abs(seen.inputs) @ np.abs(W.T) + np.abs(b))
            of_z = np.sqrt(error**2 @ (W.T.astype(float) ** 2)) + of_sum
            error = 1.8 * of_z + 8 * eps * (1 + np.abs(seen.a))
        of_p = (1 + np.abs(trace.p)) * (np.expm1(2 * of_z.max(axis=1, keepdims=True)) + 8 * eps)
        return 2 * of_z, 2 * of_p.max(axis=1, keepdims=True)

    return bound


@pytest.fixture(scope="session")
def mnist():
    """The seed's network after a short training, and the 10,000 test images."""
    try:
        data = datasets.load("mnist")
    except DataError:
        pytest.skip("MNIST is not here")
    architecture = Architecture((28, 28), (Hidden(128), Hidden(64)), 10, scaling=Scaling((0.0,), (255.0,)))
    engine = choose().engine
    trained = fit(engine, architecture, Examples(data.X_train, data.y_train), Settings(epochs=3))
    network = Network(architecture, trained.layers, engine=engine)
    assert np.mean(network.predict(data.X_test) == data.y_test) > 0.96
    return Traveller(network, data.X_test), data.y_test


STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wdouble-promotion", "-O1"]
LANGUAGES = {"C": ["-std=c99"], "C++": ["-x", "c++", "-std=c++11"]}

_MAIN = """
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    (void)argc;
    switch (atoi(argv[1])) {
%s
    }
    return 0;
}
"""
_CASE = """
    case %(number)d: {
        static float x[%(NAME)s_INPUTS], p[%(NAME)s_OUTPUTS];
        while (fread(x, sizeof x, 1, stdin) == 1) {
            int label = 0;
            %(call)s
            fwrite(&label, sizeof label, 1, stdout);
            fwrite(p, sizeof p, 1, stdout);
        }
        break;
    }"""


class Program:
    """C headers, all in one program, which is asked about examples in bytes."""

    def __init__(self, folder, headers, language="C"):
        """Compile ``headers``: name → (network, text). Warnings are errors."""
        self.headers, self.path = headers, folder / "program"
        cases = []
        for number, (name, (network, text)) in enumerate(headers.items()):
            (folder / f"{name}.h").write_text(text)
            returns = network.task in (Task.ONE_OF_SEVERAL, Task.YES_OR_NO)
            call = f"{'label = ' if returns else ''}{name}_predict(x, p);"
            cases.append(_CASE % {"number": number, "NAME": name.upper(), "call": call})
        includes = "".join(f'#include "{name}.h"\n' for name in headers)
        (folder / "program.c").write_text(includes + _MAIN % "".join(cases))
        compiler = shutil.which("gcc") or pytest.skip("there is no C compiler")
        options = [*LANGUAGES[language], *STRICT, folder / "program.c", "-o", self.path, "-lm"]
        done = subprocess.run([compiler, *options], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def __call__(self, name, X):
        """Ask a header: → labels (n,), outputs (n, k)."""
        network = self.headers[name][0]
        k = max(network.architecture.outputs, len(network.classes))
        content = np.ascontiguousarray(X.reshape(len(X), -1), np.float32).tobytes()
        said = subprocess.run(
            [self.path, str([*self.headers].index(name))], input=content, capture_output=True, check=True
        )
        rows = np.frombuffer(said.stdout, [("label", np.int32), ("p", np.float32, (k,))])
        assert len(rows) == len(X)
        return rows["label"], rows["p"]


@pytest.fixture(scope="session")
def program():
    """Compile C headers into a program."""
    return Program
