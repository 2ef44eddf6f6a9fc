import re
import threading
from dataclasses import replace
from math import log
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.engines import Engine, ReferenceEngine, State
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.extras import Extras
from pellucid.equations.initialization import initialize
from pellucid.equations.losses import ClassSquaredError
from pellucid.equations.optimizers import OPTIMIZERS
from pellucid.equations.parameters import Layers
from pellucid.equations.random_streams import Purpose, permutation
from pellucid.equations.schedules import rates
from pellucid.errors import ShapeError
from pellucid.training.callbacks import Callback, Progress
from pellucid.training.evaluation import evaluate
from pellucid.training.examples import Examples, Window
from pellucid.training.history import EpochRecord
from pellucid.training.loop import fit
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot
from pellucid.training.stopping import Ending


def bits(layers: Layers) -> bytes:
    return b"".join(tensor.tobytes() for layer in layers for tensor in layer)


class Listener(Callback):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def on_notice(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.mark.parametrize("warm_up", [0, 1])
def test_a_training_is_the_engine_run_epoch_by_epoch_in_the_seeds_order(
    engine: Engine, architecture: Architecture, examples: Examples, warm_up: int
) -> None:
    settings = Settings(epochs=3, batch_size=16, seed=5, schedule="cosine", warm_up=warm_up)
    layers = initialize(architecture, 5)
    state = State(layers, ())
    for epoch in range(3):
        order = permutation(5, Purpose.ORDER, 150, epoch)
        rates_of_epoch = rates("cosine", settings.learning_rate, epoch * 10, 10, 30, warm_up * 10)
        args = (architecture, settings.optimizer, state, examples.X, examples.y, order, rates_of_epoch)
        state = engine.run(*args, batch_size=16).state
    assert bits(state.layers) == bits(fit(engine, architecture, examples, settings).layers)
    assert state.steps_done == 30  # 150 = 9 × 16 + 6: the last batch is used, too


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    first, again, other = (
        bits(fit(engine, architecture, examples, Settings(epochs=2, seed=seed)).layers) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_the_network_learns(engine: Engine, architecture: Architecture, examples: Examples, held_out: Examples) -> None:
    settings = Settings(epochs=60, batch_size=8, validation=60)
    result = fit(engine, architecture, examples, settings, validation=held_out)
    history = result.snapshot.history
    assert history[-1].loss < history[0].loss / 3
    assert history[-1].validation_accuracy > 0.85
    judged = evaluate(engine, architecture, result.layers, held_out.X, held_out.y)
    assert (judged.loss, judged.accuracy) == (history[-1].validation_loss, history[-1].validation_accuracy)


def test_the_history_averages_over_examples_not_over_batches(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    # With a rate this small the parameters hardly move: the epoch's loss is that of the whole set at the start.
    settings = Settings(epochs=1, batch_size=100, learning_rate=1e-12, precision="float64")
    record = fit(engine, architecture, examples, settings).snapshot.history[0]
    whole, _ = engine.loss_and_gradients(
        architecture, initialize(architecture, 0, dtype=np.float64), examples.X, examples.y
    )
    assert record.loss == pytest.approx(whole, rel=1e-9)
    assert record.seconds > 0
    assert record.rows_per_second == pytest.approx(150 / record.seconds)


def test_early_stopping_goes_back_to_the_best_epoch(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    noise = Examples(examples.X, np.roll(examples.y, 1))  # nothing to be learned: the validation loss must rise
    settings = Settings(epochs=50, batch_size=4, solver="adam", learning_rate=0.01, validation=150, patience=3)
    kept: dict[int, Snapshot] = {}
    result = fit(
        engine,
        architecture,
        examples,
        settings,
        validation=noise,
        keep=lambda snapshot: kept.__setitem__(snapshot.epochs_done, snapshot),
    )
    losses = [record.validation_loss for record in result.snapshot.history]
    best = int(np.argmin(losses)) + 1
    assert result.ending is Ending.NO_IMPROVEMENT
    assert len(losses) == best + 3 < 50
    assert result.kept_epoch == best
    assert bits(result.layers) == bits(kept[best].state.layers)
    assert bits(result.layers) != bits(result.snapshot.state.layers)


def test_until_stops_at_the_first_epoch_that_reaches_it(
    engine: Engine, architecture: Architecture, examples: Examples, held_out: Examples
) -> None:
    settings = Settings(epochs=60, batch_size=8, validation=60, until=0.8)
    result = fit(engine, architecture, examples, settings, validation=held_out)
    accuracies = [record.validation_accuracy for record in result.snapshot.history]
    assert result.ending is Ending.TARGET_REACHED
    assert accuracies[-1] >= 0.8
    assert all(accuracy < 0.8 for accuracy in accuracies[:-1])


def test_callbacks_hear_of_every_epoch_and_may_end_the_training(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    heard: list[int] = []

    progress_heard: list[Progress] = []

    class Listener(Callback):
        def on_progress(self, progress: Progress) -> None:
            progress_heard.append(progress)

    def stop_after_two(record: EpochRecord) -> bool:
        heard.append(record.epoch)
        return record.epoch == 2

    result = fit(engine, architecture, examples, Settings(epochs=9), callbacks=[Listener(), stop_after_two])
    assert heard == [1, 2]
    assert result.ending is Ending.CALLBACK
    assert progress_heard[-1].rows == 150
    assert progress_heard[-1].accuracy == result.snapshot.history[-1].accuracy


@given(step=st.integers(0, 29), solver=st.sampled_from(sorted(OPTIMIZERS)))
def test_a_training_stopped_after_any_step_goes_on_to_the_bit(step: int, solver: str) -> None:
    engine = ReferenceEngine()
    architecture = Architecture((5,), (Hidden(8), Hidden(6)), 3)
    random = np.random.default_rng(0)
    examples = Examples(random.normal(size=(150, 5)), random.integers(0, 3, 150))
    settings = Settings(epochs=3, batch_size=16, solver=solver, schedule="one-cycle")
    whole = fit(engine, architecture, examples, settings)

    class StepByStep(ReferenceEngine):
        """Counts its steps, so that the training can be stopped after any of them."""

        taken = 0

        def run(self, *arguments, **options):
            outcome = super().run(*arguments, **{**options, "n_steps": 1})
            self.taken += len(outcome.losses)
            return outcome

    counting = StepByStep()
    stopped = fit(counting, architecture, examples, settings, stop=lambda: counting.taken >= step)
    assert stopped.snapshot.state.steps_done == step
    resumed = fit(ReferenceEngine(), architecture, examples, settings, start=stopped.snapshot)
    assert bits(resumed.layers) == bits(whole.layers)
    for mine, theirs in zip(resumed.snapshot.history, whole.snapshot.history, strict=True):
        assert replace(mine, seconds=0, rows_per_second=0) == replace(theirs, seconds=0, rows_per_second=0)


class Clock:
    """A time that passes when an engine says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        hands = SimpleNamespace(perf_counter=lambda: self.now, monotonic=lambda: self.now)
        for module in ("loop", "keeper"):
            monkeypatch.setattr(f"pellucid.training.{module}.time", hands)


class SlowEngine(ReferenceEngine):
    """Takes a second for each call, and a tenth for each step."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock, self.calls = clock, []

    def run(self, *arguments, **options):
        outcome = super().run(*arguments, **options)
        self.calls.append(1 + len(outcome.losses) / 10)
        self.clock.now += self.calls[-1]
        return outcome


class InWindows(Examples):
    """Examples whose epoch comes in windows of 37 steps."""

    def windows(self, engine, rules, epoch, batch_size, first_step):
        for window in super().windows(engine, rules, epoch, batch_size, first_step):
            for first in range(first_step, window.last_step, 37):
                last = min(first + 37, window.last_step)
                order = window.order[first * batch_size : last * batch_size]
                yield Window(first, last, window.X, window.y, order)


@pytest.mark.parametrize("kind", [Examples, InWindows])
def test_a_state_that_takes_long_to_hand_over_is_handed_over_seldom(
    architecture: Architecture, examples: Examples, monkeypatch: pytest.MonkeyPatch, kind: type[Examples]
) -> None:
    settings = Settings(epochs=2, batch_size=1, solver="adam")
    of_state = 3 * 4 * architecture.n_parameters  # bytes: parameters and two moments
    training = kind(examples.X, examples.y)
    calls, layers = [], []
    for seconds in (0.001, 4.0, 3600.0):
        monkeypatch.setattr("pellucid.training.loop.BYTES_OF_STATE_A_SECOND", of_state / seconds)
        engine = SlowEngine(Clock(monkeypatch))
        layers.append(bits(fit(engine, architecture, training, settings).layers))
        calls.append(engine.calls)
    often, seldom, at_most = calls
    assert len(seldom) < len(often) / 5
    assert len(at_most) <= len(seldom)
    assert max(seldom[1:]) < 4 * 1.5
    assert max(at_most[1:]) <= 5 + 1 + 0.1 * 2
    assert layers == layers[:1] * 3


@pytest.mark.parametrize("kind", [Examples, InWindows])
@pytest.mark.parametrize("seconds", [1.5, 3.0, 10.0])
def test_checkpoints_do_not_wait_for_the_end_of_a_long_stretch(
    architecture: Architecture,
    examples: Examples,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Examples],
    seconds: float,
) -> None:
    monkeypatch.setattr("pellucid.training.loop.BYTES_OF_STATE_A_SECOND", 1.0)
    clock, kept = Clock(monkeypatch), [0.0]
    settings = Settings(epochs=4, batch_size=1)
    training, engine = kind(examples.X, examples.y), SlowEngine(clock)
    fit(
        engine,
        architecture,
        training,
        settings,
        keep=lambda _: kept.append(clock.now),
        keep_seconds=seconds,
    )
    call, step, first = 1.0, 0.1, 32
    assert max(np.diff(kept)) <= max(seconds, first * step) + call + step


def test_a_state_that_may_not_be_kept_is_handed_over_no_more_often(
    architecture: Architecture, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pellucid.training.loop.BYTES_OF_STATE_A_SECOND", 1.0)

    class Overflows(SlowEngine):
        def run(self, *arguments, **options):
            outcome = super().run(*arguments, **options)
            m, v = outcome.state.moments
            v = [type(layer)(np.full_like(layer.W, np.inf), layer.b) for layer in v]
            return outcome._replace(state=replace(outcome.state, moments=(m, v)))

    engine, kept = Overflows(Clock(monkeypatch)), []
    settings = Settings(epochs=1, batch_size=1, solver="adam")
    fit(engine, architecture, examples, settings, keep=kept.append, keep_seconds=4.0)
    assert not kept
    assert len(engine.calls) < 10


def test_a_rate_that_diverges_ends_at_the_first_non_finite_loss_and_keeps_the_epoch_before(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    calm = fit(engine, architecture, examples, Settings(epochs=1, batch_size=16))
    wild = replace(Settings(epochs=3, batch_size=16), learning_rate=1e30)
    result = fit(engine, architecture, examples, wild, start=calm.snapshot)
    assert result.ending is Ending.DIVERGED
    assert result.kept_epoch == 1
    assert 2 <= result.non_finite_step <= 10
    assert bits(result.layers) == bits(calm.layers)


def test_a_step_that_spoils_the_parameters_unseen_is_noticed_at_the_epochs_end(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    # One batch an epoch: its loss is finite, and the step after it throws the parameters to infinity.
    settings = Settings(epochs=1, batch_size=150, learning_rate=1e38 * 1e3)
    result = fit(engine, architecture, examples, settings)
    assert result.ending is Ending.DIVERGED
    assert result.non_finite_step == 1
    assert result.kept_epoch is None


def test_a_dead_layer_and_a_loss_above_guessing_are_told_once_and_remembered(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    listener = Listener()
    result = fit(
        engine,
        architecture,
        examples,
        Settings(epochs=4, batch_size=16, learning_rate=300.0, seed=1),
        callbacks=[listener],
    )
    said = listener.said
    assert result.ending is Ending.ALL_EPOCHS
    assert len([sentence for sentence in said if "is dead: none of its" in sentence]) == 1
    assert (
        len(
            [
                sentence
                for sentence in said
                if "above the 1.1 of giving all 3 classes the same: no better than guessing" in sentence
            ]
        )
        == 1
    )
    assert "is dead" in result.trouble
    assert "Try a lower learning rate." in result.trouble


def test_of_examples_that_are_all_the_same_no_other_rate_is_advised(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    alike = replace(examples, X=np.repeat(examples.X[:1], len(examples), axis=0))
    settings = Settings(epochs=1, batch_size=16, learning_rate=300.0, seed=1)
    trouble = fit(engine, architecture, alike, settings).trouble
    assert trouble is not None
    assert trouble.endswith("so that nothing passes. They are all the same: their columns are constant.")


def test_what_a_guess_costs_is_the_losss_own(engine: Engine, architecture: Architecture, examples: Examples) -> None:
    squared = replace(architecture, loss=ClassSquaredError())
    # Weights that are held at nothing give all three classes the same: ½ (2 · (2/3)² + (4/3)²) = 4/3, which is above ln 3.
    held = Settings(epochs=3, batch_size=16, learning_rate=1e-9, extras=Extras(max_norm=1e-6))
    trouble = fit(engine, squared, examples, held).trouble
    assert trouble is not None
    assert "above the 1.33 of giving all 3 classes the same" in trouble
    assert fit(engine, squared, examples, Settings(epochs=20, batch_size=16)).trouble is None


def test_a_loss_just_above_a_guess_is_written_with_the_digits_that_show_it(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    start = fit(engine, architecture, examples, Settings(epochs=1, batch_size=16)).snapshot
    last = start.state.layers[-1]
    nearly = last._replace(W=np.zeros_like(last.W), b=np.array([0.02, 0, 0], last.b.dtype))
    start = replace(start, state=replace(start.state, layers=(*start.state.layers[:-1], nearly)))
    ended = fit(engine, architecture, examples, Settings(epochs=2, batch_size=16, learning_rate=1e-9), start=start)
    assert ended.trouble is not None
    loss, guess = re.findall(r"\d\.\d+", ended.trouble)
    assert float(loss) > float(guess)
    assert len(loss) == len(guess) < 9


def test_a_network_that_died_after_the_epoch_that_is_kept_is_no_trouble(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    settings = Settings(epochs=6, batch_size=16, patience=2, validation=30)
    sound = fit(engine, architecture, examples, replace(settings, epochs=1), validation=examples)
    first, *others = sound.layers
    off = first._replace(W=np.zeros_like(first.W), b=np.full_like(first.b, -1))
    died = replace(sound.snapshot, state=replace(sound.snapshot.state, layers=(off, *others)))
    listener = Listener()
    ended = fit(engine, architecture, examples, settings, validation=examples, start=died, callbacks=[listener])
    assert any("is dead" in sentence for sentence in listener.said)
    assert (ended.ending, ended.kept_epoch) == (Ending.NO_IMPROVEMENT, 1)
    assert bits(ended.layers) == bits(sound.layers)
    assert ended.trouble is None


def test_a_mean_that_was_never_begun_is_told(engine: Engine, architecture: Architecture, examples: Examples) -> None:
    class Ends(Listener):
        def on_epoch(self, record: EpochRecord) -> bool:
            return record.epoch == 2

    early, late = Ends(), Listener()
    settings = Settings(epochs=6, batch_size=16, average=3)
    assert fit(engine, architecture, examples, settings, callbacks=[early]).ending is Ending.CALLBACK
    assert early.said == [
        "No mean was taken: it would have been that of the last 3 of 6 epochs, and training ended after epoch 2."
    ]
    fit(engine, architecture, examples, settings, callbacks=[late])
    assert late.said == []


def test_a_penalty_of_weights_is_not_taken_for_guessing(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    settings, listener = Settings(epochs=20, batch_size=16, extras=Extras(l2=2.0)), Listener()
    result = fit(engine, architecture, examples, settings, callbacks=[listener])
    assert result.snapshot.history[-1].loss > log(3)
    assert (listener.said, result.trouble) == ([], None)


def test_a_healthy_training_says_nothing(engine: Engine, architecture: Architecture, examples: Examples) -> None:
    result = fit(engine, architecture, examples, Settings(epochs=5, batch_size=16))
    assert result.trouble is None


def test_examples_and_labels_must_be_as_many() -> None:
    with pytest.raises(ShapeError, match="there are 3 examples and 2 labels; expected one label an example"):
        Examples(np.zeros((3, 2)), np.zeros(2, int))


def test_a_training_in_another_thread_hears_no_signal_and_ends_well(
    engine: Engine, architecture: Architecture, examples: Examples
) -> None:
    from pellucid.training.interrupts import interruptible

    results = []

    def work() -> None:
        with interruptible() as stop:
            results.append(fit(engine, architecture, examples, Settings(epochs=1), stop=stop))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results[0].ending is Ending.ALL_EPOCHS
