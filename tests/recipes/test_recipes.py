"""Every recipe is whole: its options mean something, each has its reason, and what is published has a source."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from pellucid import __version__, datasets
from pellucid.datasets.dataset import Dataset
from pellucid.engines import ReferenceEngine
from pellucid.equations.scaling import Scaling
from pellucid.errors import DivergedError, RunFolderError, SettingError
from pellucid.processor import cpu_name
from pellucid.recipes import RECIPES, Recipe, find, reproduction
from pellucid.recipes.options import AUGMENTATIONS, EXTRAS, STRENGTHS, architecture_of, augmentation, settings_of
from pellucid.recipes.pictures import seen
from pellucid.recipes.table import markdown, write_table
from pellucid.training.callbacks import Callback


@pytest.fixture
def digits() -> Dataset:
    """Scikit-learn's digits, in the place of MNIST's shape: what recipes say of it must hold, not what they reach."""
    small = datasets.load("digits")
    X_train, X_test = (
        np.kron(X.reshape(-1, 8, 8), np.ones((1, 3, 3), np.uint8)) for X in (small.X_train, small.X_test)
    )
    padded = [np.pad(X[:200] * 15, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784) for X in (X_train, X_test)]
    return replace(
        small, X_train=padded[0], y_train=small.y_train[:200], X_test=padded[1], y_test=small.y_test[:200],
        input_shape=(28, 28), scaling=Scaling((0.0,), (255.0,)),
    )  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_says_what_it_does_and_why(recipe: Recipe, digits: Dataset) -> None:
    architecture, settings = architecture_of(digits, recipe.options), settings_of(digits, recipe.options)
    assert architecture.inputs == 784
    assert recipe.options.keys() == recipe.reasons.keys()
    assert all(reason.strip() and not reason.endswith(".") for reason in recipe.reasons.values())
    extras = settings.extras
    found = {
        "hidden": ",".join(str(layer.width) for layer in architecture.hidden),
        "activation": architecture.hidden[0].activation,
        "loss": architecture.loss.name,
        "label_smoothing": architecture.loss.setting,
        "augment": extras.augmentation,
        **{name: getattr(extras, name) for name in EXTRAS},
    }
    for name, value in recipe.options.items():
        wanted = augmentation(value) if name == "augment" else value
        assert found.get(name, getattr(settings, name, None)) == wanted, name


@pytest.mark.parametrize("recipe", [each for each in RECIPES.values() if each.published], ids=lambda each: each.name)
def test_a_row_of_the_literature_names_its_source_and_what_differs(recipe: Recipe) -> None:
    assert recipe.published is not None
    assert 0 < recipe.published.error < 10
    assert any(year in recipe.published.source for year in ("1998", "2003", "2010", "2012", "2014"))
    assert recipe.differs


def test_recipes_of_ours_have_the_texts_network() -> None:
    for name in ("seed", "plain", "quick", "best", "limit"):
        assert "hidden" not in find(name).options


def test_an_unknown_recipe_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        SettingError, match=r"there is no recipe 'sed'; expected one of seed, plain, .*Did you mean seed"
    ):
        find("sed")


def test_a_loss_that_is_none_of_classes_is_refused(digits: Dataset) -> None:
    with pytest.raises(
        SettingError, match=r"no loss of classes 'huber'; expected one of cross_entropy, class_squared_error"
    ):
        architecture_of(digits, {"loss": "huber"})
    with pytest.raises(SettingError, match=r"--label-smoothing is 0.1 beside the loss class_squared_error"):
        architecture_of(digits, {"loss": "class_squared_error", "label_smoothing": 0.1})


def test_strengths_are_read_by_name_or_by_number() -> None:
    assert augmentation("none") is None
    for name, expected in AUGMENTATIONS.items():
        assert augmentation(name) == expected
    every = ",".join(f"{name}=1" for name in STRENGTHS if name != "scale")
    by = augmentation(every)
    assert by is not None
    assert (by.rotation, by.elastic_sigma) == (1, 1)
    for wrong in ("", "rotation", "rotation=much", "turn=3", "rotation=1;scale=1", "affine,elastic"):
        with pytest.raises(SettingError, match="--augment holds"):
            augmentation(wrong)
    with pytest.raises(SettingError, match="--augment names shift twice; expected each strength once"):
        augmentation("shift=1,scale=0.1,shift=2")
    with pytest.raises(SettingError, match="--augment names sigma and no alpha; expected alpha, too"):
        augmentation("shift=1,sigma=4")


def test_pictures_are_shown_as_the_epochs_see_them(digits: Dataset) -> None:
    first, *epochs = seen(digits, AUGMENTATIONS["affine"], count=3, epochs=2, seed=0)
    assert (first.pictures.reshape(3, -1) == digits.X_train[:3]).all()
    assert [row.name for row in epochs] == ["in epoch 1", "in epoch 2"]
    assert (epochs[0].pictures != epochs[1].pictures).any()
    assert len(seen(digits, None, count=3, epochs=2, seed=0)) == 1
    with pytest.raises(SettingError, match=r"an example of .* has the shape \(784,\), which is no picture"):
        seen(replace(digits, input_shape=(784,)), None, 3, 2, 0)


# ---- Reproductions -----------------------------------------------------------------------------------------------------

SMALL = Recipe(
    name="best",
    title="a small one",
    options={"hidden": "8", "epochs": 3, "augment": "affine"},
    reasons={"hidden": "small", "epochs": "few", "augment": "for show"},
)


@pytest.fixture
def small(digits, monkeypatch):
    monkeypatch.setattr(reproduction.datasets, "load", lambda _: digits)

    def run(folder, **settings):
        settings = {"engine": ReferenceEngine(), "threads": 1, "seeds": 2, **settings}
        return reproduction.reproduce(SMALL, folder / "best", **settings)

    return run


def test_a_reproduction_tells_mean_spread_and_every_seed(small, tmp_path) -> None:
    said = []
    found = small(tmp_path, seeds=3, on_outcome=said.append)
    assert [outcome.seed for outcome in found.outcomes] == [0, 1, 2]
    assert said == list(found.outcomes)
    assert found.mean == pytest.approx(np.mean(found.errors))
    assert found.spread == pytest.approx(np.std(found.errors, ddof=1))
    record = json.loads((tmp_path / "best" / "reproduction.json").read_text())
    assert record == json.loads(json.dumps(found.to_record()))
    (row,) = write_table(tmp_path)
    assert row == record
    assert "| best | a small one | – |" in (tmp_path / "table.md").read_text()
    assert json.loads((tmp_path / "table.json").read_text()) == {"rows": [record]}


def test_what_is_finished_is_not_done_again(small, tmp_path) -> None:
    first = small(tmp_path)
    files = {path: path.read_bytes() for path in (tmp_path / "best").rglob("model.safetensors")}
    epochs = []
    again = small(tmp_path, callbacks=lambda seed, _: [epochs.append])
    assert again.outcomes == first.outcomes
    assert epochs == []
    assert {path: path.read_bytes() for path in files} == files


def test_fewer_seeds_do_not_forget_those_that_an_earlier_call_finished(small, tmp_path) -> None:
    every = small(tmp_path, seeds=3)
    fewer = small(tmp_path, seeds=1)
    assert fewer == every
    record = json.loads((tmp_path / "best" / "reproduction.json").read_text())
    assert record == json.loads(json.dumps(every.to_record()))


def test_a_seed_keeps_the_threads_that_trained_it(small, tmp_path) -> None:
    native = pytest.importorskip("pellucid.engines.native")
    small(tmp_path, seeds=1, engine=native.NativeEngine(threads=1), threads=1)
    found = small(tmp_path, seeds=2, engine=native.NativeEngine(threads=2), threads=2)
    assert [outcome.threads for outcome in found.outcomes] == [1, 2]
    write_table(tmp_path)
    assert "float32, 1 or 2 threads." in (tmp_path / "table.md").read_text()


def test_a_seed_keeps_the_machine_and_the_version_that_trained_it(small, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("pellucid.training.run.cpu_name", lambda: "Our Old Processor")
        elsewhere.setattr("pellucid.training.run.__version__", "0.0.1")
        small(tmp_path, seeds=1)
    found = small(tmp_path, seeds=2)
    assert [outcome.machine for outcome in found.outcomes] == ["Our Old Processor", cpu_name()]
    assert [outcome.version for outcome in found.outcomes] == ["0.0.1", __version__]
    write_table(tmp_path)
    assert " or ".join(sorted(["Our Old Processor", cpu_name()])) in (tmp_path / "table.md").read_text()


def test_an_interruption_forgets_no_seed_that_is_finished(small, tmp_path) -> None:
    every = small(tmp_path, seeds=4)
    shutil.rmtree(tmp_path / "best" / "seed-0")

    def interrupted(seed, _):
        class Interrupt(Callback):
            def on_epoch(self, record) -> None:
                raise KeyboardInterrupt

        return [Interrupt()]

    with pytest.raises(KeyboardInterrupt):
        small(tmp_path, seeds=2, callbacks=interrupted)
    record = json.loads((tmp_path / "best" / "reproduction.json").read_text())
    assert [each["error"] for each in record["seeds"]] == [None, *(each.error for each in every.outcomes[1:])]
    assert record["wanted"] == 4
    stopped = small(tmp_path, seeds=2, minutes=1e-9)
    assert (len(stopped.errors), stopped.wanted) == (3, 4)
    assert small(tmp_path, seeds=2).errors == every.errors


def test_what_time_has_stopped_is_gone_on_with_to_the_bit(small, tmp_path) -> None:
    stopped = small(tmp_path / "stopped", minutes=1e-9)
    assert [outcome.error for outcome in stopped.outcomes] == [None]
    assert (stopped.mean, stopped.spread, stopped.seconds) == (None, None, 0.0)
    assert "| not ended | 0 of 2 | 0 of 3 |" in markdown([stopped.to_record()])
    small(tmp_path / "stopped")
    small(tmp_path / "whole")
    for seed in (0, 1):
        one, other = (tmp_path / name / "best" / f"seed-{seed}" / "model.safetensors" for name in ("stopped", "whole"))
        assert one.read_bytes() == other.read_bytes()


def test_a_seed_that_diverges_is_a_failure_and_no_interruption(small, tmp_path, monkeypatch) -> None:
    wild = replace(
        SMALL, options={**SMALL.options, "learning_rate": 1e30}, reasons={**SMALL.reasons, "learning_rate": "x"}
    )
    monkeypatch.setitem(globals(), "SMALL", wild)
    with pytest.raises(DivergedError, match="the loss of seed 0 became infinite or NaN at step"):
        small(tmp_path)
    record = json.loads((tmp_path / "best" / "reproduction.json").read_text())
    assert [(each["seed"], each["error"]) for each in record["seeds"]] == [(0, None)]


def test_what_is_broken_off_at_once_is_in_the_table_as_far_as_it_came(small, tmp_path) -> None:
    class TwoInterrupts(Callback):
        def on_epoch(self, record) -> None:
            if record.epoch == 2:
                raise KeyboardInterrupt

    seeds_begun = []

    def of_the_second_seed(seed, _):
        seeds_begun.append(seed)
        return [TwoInterrupts()] if seed == 1 else []

    with pytest.raises(KeyboardInterrupt):
        small(tmp_path, seeds=3, callbacks=of_the_second_seed)
    assert seeds_begun == [0, 1]
    (row,) = write_table(tmp_path)
    assert [(each["epochs"], each["error"] is None) for each in row["seeds"]] == [(3, False), (2, True)]
    assert "| 1 of 3 | 3 |" in (tmp_path / "table.md").read_text()
    assert len(small(tmp_path, seeds=3).errors) == 3


def test_a_run_of_other_settings_in_its_place_is_refused(small, tmp_path) -> None:
    small(tmp_path)
    with pytest.raises(RunFolderError, match=r"holds another run: .*precision was float32, is float64"):
        small(tmp_path, precision="float64")


def test_seeds_that_are_finished_count_without_their_models_and_are_not_trained_anew(small, tmp_path) -> None:
    ours = small(tmp_path, seeds=2)
    for model in tmp_path.rglob("model.safetensors"):
        model.unlink()
    begun: list[int] = []
    again = small(tmp_path, seeds=1, minutes=0.0, callbacks=lambda seed, epochs: begun.append(seed) or ())
    assert again.to_record() == ours.to_record()
    assert not begun
    assert not list(tmp_path.rglob("model.safetensors"))


def test_a_record_without_seeds_is_refused_in_a_sentence(small, tmp_path) -> None:
    path = tmp_path / "best" / "reproduction.json"
    small(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "seeds": [], "error": None}))
    with pytest.raises(RunFolderError, match=r"reproduction.json is spoiled .*Remove it"):
        write_table(tmp_path)


@pytest.mark.parametrize("spoiled", ["", "{}", "[1]", '{"recipe": "best"'])
def test_a_spoiled_record_is_refused_in_a_sentence(tmp_path, spoiled) -> None:
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "reproduction.json").write_text(spoiled)
    with pytest.raises(RunFolderError, match=r"reproduction.json is spoiled .*Remove it"):
        write_table(tmp_path)


@pytest.mark.parametrize("lost", ["machine", "threads", "engine", "precision", "published", "title"])
def test_a_record_that_lost_a_field_is_refused_in_a_sentence(small, tmp_path, lost) -> None:
    small(tmp_path)
    path = tmp_path / "best" / "reproduction.json"
    record = json.loads(path.read_text())
    del (record if lost in record else record["seeds"][0])[lost]
    path.write_text(json.dumps(record))
    with pytest.raises(RunFolderError, match=rf"reproduction.json is spoiled .*{lost}"):
        write_table(tmp_path)
