"""The model that comes with the package: there at once, small, told by name, and made again to the bit."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid
from pellucid import datasets
from pellucid.engines import choose
from pellucid.errors import DataUnavailableError, ModelFileError
from pellucid.formats.bundled import bundled
from pellucid.formats.model_file import read_model, write_model
from pellucid.recipes import find
from pellucid.training.run import Plan, run
from pellucid.training.run_folder import RunFolder


@pytest.fixture(scope="module")
def mnist():
    try:
        return datasets.load("mnist")
    except DataUnavailableError:
        pytest.skip("MNIST is neither on this machine nor to be had")


def test_it_is_loaded_by_its_name_and_small() -> None:
    network = pellucid.load("mnist")
    path = bundled("mnist")
    assert path is not None
    assert path.stat().st_size <= 500_000
    assert str(network.architecture) == "784-128-64-10"
    assert network.classes == tuple(range(10))


def test_it_names_its_recipe_and_its_engine_and_its_settings_are_the_recipes() -> None:
    model = read_model(bundled("mnist"))
    assert model.training["engine"] == "native:avx2"
    recipe = find(model.training["recipe"])
    for name, value in recipe.options.items():
        if name != "augment":
            assert model.training[name] == value
    assert model.training["extras"]["augmentation"]["elastic_alpha"] == 24


def test_what_is_there_under_that_name_goes_first(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = read_model(bundled("mnist"))
    halved = tuple(layer._replace(W=layer.W / 2) for layer in model.layers)
    write_model(tmp_path / "mnist", type(model)(model.architecture, halved, model.classes))
    assert (pellucid.load("mnist").layers[0].W == halved[0].W).all()


def test_a_name_that_is_nothing_is_refused_as_before(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match="there is no file"):
        pellucid.load("cats")


def test_it_reads_the_test_images_as_well_as_it_says(mnist) -> None:
    network = pellucid.load("mnist")
    found = network.evaluate(mnist.X_test, mnist.y_test)
    # A picture between two digits may be read otherwise where exponentials and sums are rounded otherwise.
    assert found.accuracy == pytest.approx(network.model.test_accuracy, abs=1e-4)
    assert found.accuracy >= 0.992


@pytest.mark.slow
def test_it_is_made_again_to_the_bit(mnist, tmp_path) -> None:
    native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")
    if "avx2" not in [target.name for target in native.targets() if target.runs_here]:
        pytest.skip("the model was made by native:avx2, which this processor does not run")
    from pellucid.recipes.options import architecture_of, settings_of

    options = find("best").options
    engine = choose("native:avx2").engine
    request = {"recipe": "best"}
    plan = Plan(
        mnist, architecture_of(mnist, options), settings_of(mnist, options), engine, engine.threads, request=request
    )
    run(plan, RunFolder(tmp_path / "run"), resume=False)
    made, there = read_model(tmp_path / "run" / "model.safetensors"), read_model(bundled("mnist"))
    for one, other in zip(made.layers, there.layers, strict=True):
        assert np.array_equal(one.W, other.W)
        assert np.array_equal(one.b, other.b)
    if made.version == there.version:
        assert (tmp_path / "run" / "model.safetensors").read_bytes() == bundled("mnist").read_bytes()
