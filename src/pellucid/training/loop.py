"""The loop over epochs: shuffle, hand the epoch to the engine, look at the validation part, record, decide.

The engine may take a whole epoch in one call. Where an epoch lasts long it is cut into stretches of a fraction of a
second, or of some seconds where the parameters are many, between which progress is shown and checkpoints are written;
the cuts change no bit of the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from math import inf, isfinite

import numpy as np

from pellucid.engines import Engine, State, steps_of_an_epoch
from pellucid.equations.architecture import Architecture
from pellucid.equations.metrics import dead_layers
from pellucid.equations.network import Trace, forward
from pellucid.equations.parameters import Indices, Layers
from pellucid.training.callbacks import Callback, Callbacks, EpochFunction, Progress
from pellucid.training.evaluation import Judged
from pellucid.training.examples import Learned
from pellucid.training.history import EpochRecord
from pellucid.training.keeper import Keeper
from pellucid.training.recording import Passed, recorded
from pellucid.training.rules import Rules, UsualRules, what_is_kept
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Snapshot, first_snapshot
from pellucid.training.stopping import Ending

SECONDS_OF_A_STRETCH = 0.2
MOST_SECONDS_OF_A_STRETCH = 5.0
# A stretch's engine takes the state over and gives it back, some twenty times as fast as this.
BYTES_OF_STATE_A_SECOND = 50e6
STEPS_OF_THE_FIRST_STRETCH = 32
ROWS_OF_THE_HEALTH_CHECK = 256


@dataclass(frozen=True, eq=False)
class Fit:
    """The result: the parameters to keep, where the training stands, why it ended.

    ``kept_epoch`` is the epoch at whose end the parameters stood, or None where they stand within one (after Ctrl-C).
    ``non_finite_step`` is the step of the last epoch, from 1, whose loss was infinite or NaN. ``trouble`` says in a
    sentence what is wrong with a network whose loss is finite.
    """

    layers: Layers
    snapshot: Snapshot
    ending: Ending
    kept_epoch: int | None
    non_finite_step: int | None = None
    trouble: str | None = None


def fit(
    engine: Engine,
    architecture: Architecture,
    training: Learned,
    settings: Settings,
    *,
    validation: Learned | None = None,
    start: Snapshot | None = None,
    callbacks: Sequence[Callback | EpochFunction] = (),
    keep: Callable[[Snapshot], None] = lambda _: None,
    keep_seconds: float = inf,
    stop: Callable[[], bool] = lambda: False,
    rules: Rules | None = None,
    judges: Callable[[Layers], Judged] | None = None,
    warns: bool = True,
    most_steps: int | None = None,
) -> Fit:
    """Train a network, from the beginning or from where ``start`` stands.

    ``keep`` is handed a snapshot at the end of each epoch, within one every ``keep_seconds``, and when ``stop`` ends the
    training within one, or ``most_steps`` have been taken, after which the training is as if interrupted. ``rules``
    decide in place of those that follow from ``settings``; ``judges`` looks at the parameters after each epoch in place
    of the usual look at the ``validation`` part.
    With ``warns``, callbacks hear of what looks wrong.
    """
    teller, keeper = Callbacks(callbacks), Keeper(keep, keep_seconds)
    rules = rules or UsualRules(settings)
    if judges is None and validation is not None:
        judges = partial(validation.judge, engine, architecture)
    warns = warns and architecture.loss.of_classes
    snapshot = start or first_snapshot(architecture, settings)
    told: set[str] = set()
    left = inf if most_steps is None else most_steps
    while (reason := rules.ending(snapshot.history)) is None:
        steps_before = snapshot.state.steps_done
        snapshot, last_rate, bad_step = _run_epoch(
            engine, architecture, training, settings, rules, snapshot, teller, stop, left, keeper
        )
        left -= snapshot.state.steps_done - steps_before
        if bad_step is not None:
            return _diverged(rules, snapshot, bad_step)
        if snapshot.steps_done < steps_of_an_epoch(len(training), settings.batch_size):
            keeper.keep(snapshot)
            return _finished(architecture, settings, training, rules, snapshot, Ending.INTERRUPTED, warns=False)
        n, decides = len(training), architecture.loss.decides
        passed = Passed(
            loss=_mean_loss(snapshot, settings, n),
            accuracy=snapshot.correct / n if decides else None,
            learning_rate=float(last_rate),
            seconds=snapshot.seconds,
            rows=n,
        )
        ended = recorded(rules, snapshot, passed, judges)
        if not isfinite(ended.history[-1].validation_loss or 0.0):
            return _diverged(rules, snapshot, snapshot.steps_done)
        snapshot = ended
        keeper.keep(snapshot)
        wants_to_end = teller.on_epoch(snapshot.history[-1])
        for kind, sentence in (
            _troubles(architecture, settings, snapshot.kept, snapshot.history[-1], training).items() if warns else ()
        ):
            if kind not in told:
                teller.on_notice(sentence)
                told.add(kind)
        if wants_to_end or left <= 0 or stop():
            reason = rules.ending(snapshot.history) or (Ending.CALLBACK if wants_to_end else Ending.INTERRUPTED)
            break
    if settings.average and snapshot.average is None and reason not in (Ending.ALL_EPOCHS, Ending.INTERRUPTED):
        teller.on_notice(
            f"No mean was taken: it would have been that of the last {settings.average} of {settings.epochs} epochs, and "
            f"training ended after epoch {snapshot.epochs_done}."
        )
    return _finished(architecture, settings, training, rules, snapshot, reason, warns=warns)


def _finished(
    architecture: Architecture,
    settings: Settings,
    training: Learned,
    rules: Rules,
    snapshot: Snapshot,
    reason: Ending,
    *,
    warns: bool,
) -> Fit:
    """End with what is kept, and say what is wrong with the network where that is warned of."""
    layers, epoch = what_is_kept(rules, snapshot, reason)
    trouble = None
    if warns and snapshot.history:
        record = snapshot.history[(epoch or snapshot.epochs_done) - 1]
        trouble = _lasting_trouble(architecture, settings, layers, record, training)
    return Fit(layers, snapshot, reason, epoch, trouble=trouble)


def _run_epoch(
    engine: Engine,
    architecture: Architecture,
    training: Learned,
    settings: Settings,
    rules: Rules,
    snapshot: Snapshot,
    teller: Callbacks,
    stop: Callable[[], bool],
    most_steps: float,
    keeper: Keeper,
) -> tuple[Snapshot, float, int | None]:
    """Take the rest of the running epoch's steps, in stretches; end where a loss is not finite, ``stop`` says so, or
    ``most_steps`` have been taken. Between two stretches keep what there is, where the keeper says that it is time.

    Give where it stands, the rate of the epoch's last step, and the step, from 1, whose loss was not finite.
    """
    n, epoch = len(training), snapshot.epochs_done
    steps = steps_of_an_epoch(n, settings.batch_size)
    began = time.perf_counter() - snapshot.seconds
    rates_of_epoch = rules.rates(snapshot.history, steps)
    seconds_of_a_stretch = _seconds_of_a_stretch(snapshot.state)
    stretch = STEPS_OF_THE_FIRST_STRETCH if keeper.seconds > SECONDS_OF_A_STRETCH else 1
    seconds_of_a_step, has_overflowed = None, False
    losses = [snapshot.losses]
    step, loss_sum = snapshot.steps_done, float(snapshot.losses.sum())
    last = min(steps, step + most_steps)
    windows = training.windows(engine, rules, epoch, settings.batch_size, step)
    stopped = False
    with closing(windows):
        for window in windows:
            while step < min(last, window.last_step) and not (stopped := stop()):
                if seconds_of_a_step is not None:
                    most_seconds = seconds_of_a_stretch if has_overflowed else min(seconds_of_a_stretch, keeper.left())
                    stretch = max(1, round(most_seconds / seconds_of_a_step))
                stretch_began = time.perf_counter()
                outcome = engine.run(
                    architecture,
                    settings.optimizer,
                    snapshot.state,
                    window.X,
                    window.y,
                    window.order,
                    rates_of_epoch[window.first_step :],
                    batch_size=settings.batch_size,
                    first_step=step - window.first_step,
                    n_steps=int(min(stretch, last - step)),
                    weights=window.weights,
                    extras=settings.extras,
                    streams=rules.streams(epoch),
                    stop=stop,
                    numbers=window.numbers,
                )
                now, taken = time.perf_counter(), len(outcome.losses)
                losses.append(outcome.losses)
                step, loss_sum = step + taken, loss_sum + float(outcome.losses.sum())
                correct = snapshot.correct + outcome.correct
                snapshot = replace(snapshot, state=outcome.state, correct=correct, seconds=now - began)
                if outcome.non_finite_step is not None:
                    return snapshot, rates_of_epoch[-1], window.first_step + outcome.non_finite_step + 1
                if taken:
                    teller.on_progress(_progress(snapshot, settings, n, step, loss_sum, float(outcome.losses.mean())))
                seconds_of_a_step = max(now - stretch_began, 1e-6) / max(taken, 1)
                # A number that overflowed is no loss yet: a later step's will tell, and until then what was kept before
                # stays.
                is_due = keeper.due() and step < steps
                has_overflowed = has_overflowed or (is_due and not _finite(snapshot.state))
                if is_due and not has_overflowed:
                    snapshot = replace(snapshot, losses=np.concatenate(losses))
                    losses, keeping_began = [snapshot.losses], time.perf_counter()
                    keeper.keep(snapshot)
                    began += time.perf_counter() - keeping_began  # an epoch's seconds are those of the training alone
            if stopped or step >= last:
                break
    snapshot = replace(snapshot, losses=np.concatenate(losses))
    return snapshot, rates_of_epoch[-1], None if _finite(snapshot.state) else step


def _mean_loss(snapshot: Snapshot, settings: Settings, n: int) -> float:
    """Average the batches' losses over the examples seen; the last batch may be smaller."""
    rows = np.full(snapshot.steps_done, settings.batch_size)
    rows[-1] = min(settings.batch_size, n - settings.batch_size * (snapshot.steps_done - 1))
    return float(np.average(snapshot.losses, weights=rows))


def _progress(
    snapshot: Snapshot, settings: Settings, n: int, step: int, loss_sum: float, recent_loss: float
) -> Progress:
    rows = min(n, step * settings.batch_size)
    return Progress(
        epoch=snapshot.epochs_done + 1,
        epochs=settings.epochs,
        rows=rows,
        rows_of_epoch=n,
        loss=loss_sum / max(step, 1),
        accuracy=snapshot.correct / max(rows, 1),
        rows_per_second=rows / max(snapshot.seconds, 1e-9),
        recent_loss=recent_loss,
        state=snapshot.state,
    )


def _seconds_of_a_stretch(state: State) -> float:
    """Give the time between two looks: longer where parameters and moments are so many that to hand them over takes long."""
    records = (state.layers, *state.moments)
    size = sum(tensor.nbytes for record in records for layer in record for tensor in layer)
    return min(max(SECONDS_OF_A_STRETCH, size / BYTES_OF_STATE_A_SECOND), MOST_SECONDS_OF_A_STRETCH)


def _finite(state: State) -> bool:
    """Say whether parameters and moments are finite: the last step may have spoiled them unseen."""
    return all(all_finite(layers) for layers in (state.layers, *state.moments))


def all_finite(layers: Layers) -> bool:
    """Say whether every number of every layer is finite."""
    return all(np.isfinite(tensor).all() for layer in layers for tensor in layer)


def _diverged(rules: Rules, snapshot: Snapshot, step: int) -> Fit:
    """Keep the best epoch where the rules say so, else what there was before that whose loss stopped being a number."""
    if snapshot.best is not None and rules.returns_to_best(Ending.DIVERGED):
        return Fit(snapshot.best.layers, snapshot, Ending.DIVERGED, snapshot.best.epoch, non_finite_step=step)
    kept = snapshot.epochs_done or None
    before = snapshot.layers_before if snapshot.average is None else snapshot.average
    return Fit(before, snapshot, Ending.DIVERGED, kept, non_finite_step=step)


def _troubles(
    architecture: Architecture, settings: Settings, layers: Layers, record: EpochRecord, training: Learned
) -> dict[str, str]:
    """Say what is wrong with an epoch, though it is finite: a sentence each for ``guessing`` and ``dead``."""
    sentences: dict[str, str] = {}
    teacher = settings.extras.teacher
    loss, guess = record.loss, architecture.loss.of_a_guess(architecture.outputs)
    guessing = guess if teacher is None else teacher.factor_of_a_guess * guess
    trace, y = _sample(architecture, layers, training)
    # Of a high loss the penalty of the weights may be the larger part.
    is_penalty = settings.extras.l2 > 0 and architecture.loss.of_batch(trace.logits, y) <= guess
    if loss > guessing and not is_penalty:
        as_it_is, as_a_guess = _told_apart(loss, guessing)
        sentences["guessing"] = (
            f"The loss of epoch {record.epoch} is {as_it_is}, above the {as_a_guess} of giving all "
            f"{architecture.outputs} classes the same: no better than guessing. Try another learning rate, or more epochs."
        )
    for dead in dead_layers(trace)[:1]:
        width = architecture.hidden[dead - 1].width
        are_alike = bool((trace.x == trace.x[0]).all())
        advice = "They are all the same: their columns are constant." if are_alike else "Try a lower learning rate."
        sentences["dead"] = (
            f"Hidden layer {dead} is dead: none of its {width} neurons is on for any of {len(trace.x)} training examples, "
            f"so that nothing passes. {advice}"
        )
    return sentences


def _told_apart(a: float, b: float) -> tuple[str, str]:
    """Write two numbers that differ with as few digits as show it, and at least three."""
    digits = next(digits for digits in range(3, 18) if f"{a:.{digits}g}" != f"{b:.{digits}g}")
    return f"{a:.{digits}g}", f"{b:.{digits}g}"


def _lasting_trouble(
    architecture: Architecture, settings: Settings, layers: Layers, record: EpochRecord, training: Learned
) -> str | None:
    """Say what is wrong with the network that is kept, or None: an epoch may have begun badly and ended well."""
    sentences = _troubles(architecture, settings, layers, record, training)
    trace, y = _sample(architecture, layers, training)
    still_guessing = architecture.loss.of_batch(trace.logits, y) > architecture.loss.of_a_guess(architecture.outputs)
    return sentences.get("dead") or (sentences.get("guessing") if still_guessing else None)


def _sample(architecture: Architecture, layers: Layers, training: Learned) -> tuple[Trace, Indices]:
    """Run some training examples, evenly spaced, through the network."""
    X, y = training.sample(ROWS_OF_THE_HEALTH_CHECK)
    with np.errstate(over="ignore", invalid="ignore"):
        return forward(architecture, layers, X), y
