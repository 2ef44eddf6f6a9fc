"""A training that can be started, paused, taken on by a step or an epoch, told another rate, and begun again from its seed.

It is ``training.loop.fit``, in a thread of its own: a pause is an interruption, and going on is going on from a snapshot, so
that a training that was paused ends with the same bits as one that was not.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from pellucid import __version__
from pellucid.datasets import available, load
from pellucid.datasets.for_a_network import Labelled
from pellucid.engines import Engine, State
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.optimizers import OPTIMIZERS
from pellucid.errors import DataUnavailableError, PellucidError
from pellucid.formats.model_file import Model
from pellucid.network import Network
from pellucid.training.loop import Fit, all_finite, fit
from pellucid.training.settings import LEARNING_RATES
from pellucid.training.snapshot import Snapshot, first_snapshot
from pellucid.training.stopping import Ending
from pellucid.web.divergence import PageRules, ends_its_epoch, where_it_diverged
from pellucid.web.guard import RefusalError
from pellucid.web.run_records import picture_of_first_layer
from pellucid.web.session import Session
from pellucid.web.wanted import flag, number, one_of, whole, wholes
from pellucid.web.watch import Watch
from pellucid.web.work import Work, work_of

RunState = Literal["none", "loading", "paused", "running", "finished", "diverged", "failed"]
HELD = ("loading", "paused", "running")
"""The states in which a run is there that another one must not push aside."""

FIELDS = ("data", "hidden", "activation", "solver", "learning_rate", "batch_size", "epochs", "seed", "paused")
SECONDS_AT_THE_END = 2.0
OWN_DATA = "the given data"


class Trainer:
    """The one training of this process, and what the page sees of it."""

    def __init__(
        self,
        session: Session,
        make_engine: Callable[[], Engine],
        own_data: str | None = None,
        own_label: str | None = None,
    ) -> None:
        self._session, self._make_engine = session, make_engine
        self._own_data, self._own_label = own_data, own_label
        self._command, self._handing_over = threading.Lock(), threading.Lock()
        self._loads: dict[str, threading.Lock] = {}
        self._thread: threading.Thread | None = None
        self._stop, self._pausing = threading.Event(), threading.Event()
        self._changes = 0
        self._clear()

    def _clear(self) -> None:
        self._state: RunState = "none"
        self._work: Work | None = None
        self._snapshot: Snapshot | None = None
        self._config: Mapping[str, Any] = {}
        self._sentence = ""
        self._rate, self._rates = 0.0, set[float]()
        self._watch: Watch | None = None
        self._changed()

    def _changed(self) -> None:
        self._changes += 1

    # ---- What the page asks for ------------------------------------------------------------------------------------------

    @property
    def known_data(self) -> list[str]:
        """The data sets that can be chosen: those known by name, and the one that the server was started with."""
        own = [OWN_DATA] if self._own_data else []
        return [*own, *(entry.name for entry in available())]

    def start(self, given: Mapping[str, Any]) -> None:
        """Begin a training, or with ``paused`` stand before its first step.

        Raises ``RefusalError`` for settings that make no sense, and where one is there already.
        """
        solver = one_of(given, "solver", list(OPTIMIZERS), "sgd")
        rate = number(given, "learning_rate", 1e-6, 10, LEARNING_RATES[solver])
        config = {
            "data": one_of(given, "data", self.known_data, self.known_data[0]),
            "hidden": wholes(given, "hidden", 1, 1024, 4, [128, 64]),
            "activation": one_of(given, "activation", list(ACTIVATIONS), "relu"),
            "solver": solver,
            "learning_rate": rate,
            "batch_size": whole(given, "batch_size", 1, 4096, 64),
            "epochs": whole(given, "epochs", 1, 200, 20),
            "seed": whole(given, "seed", 0, 2**53, 0),
        }
        paused = flag(given, "paused")
        with self._command:
            if self._state in HELD:
                raise RefusalError(409, "running", "A training is there already. Pause it and put it away first.")
            self._clear()
            self._config, self._rate, self._rates, self._state = config, rate, {rate}, "loading"
            self._spawn(None, paused=paused)

    def pause(self) -> None:
        """Interrupt after the running step; while data are loaded, before the first one."""
        with self._command:
            self._need("running", "paused", "loading")
            if self._state == "loading":
                self._pausing.set()
            else:
                self._halt()

    def go_on(self, most_steps: int | None = None, *, to_epochs_end: bool = False) -> None:
        """Go on: to the end, by so many steps, or to the end of the epoch."""
        with self._command:
            self._need("paused")
            if to_epochs_end:
                most_steps = self._held_work().steps_an_epoch - self._held_snapshot().steps_done
            self._state = "running"
            self._spawn(most_steps)

    def change_rate(self, given: Mapping[str, Any]) -> None:
        """Take another rate from the next step on, whether it runs or not; after it diverged, for beginning again."""
        rate = number(given, "learning_rate", 1e-6, 10)
        with self._command:
            self._need("running", "paused", "diverged")
            self._rate = rate
            self._rates = {*self._rates, rate}
            self._changed()
            if self._state == "running":
                self._stop.set()  # the loop sees that nobody is pausing, and goes on with the new rate

    def reset(self) -> None:
        """Go back to the beginning: the same seed, the same first weights, the first rate; after it diverged the rate as it
        is, which may be a lower one by now.
        """
        with self._command:
            self._need("running", "paused", "finished", "diverged")
            self._halt()
            work = self._held_work()
            if self._state != "diverged":
                self._rate = work.settings.learning_rate
            self._rates = {self._rate}
            self._snapshot, self._state, self._sentence = _first(work), "paused", ""
            self._watch = self._watching(work)
            self._changed()

    def put_away(self) -> None:
        """End the training and forget it. Data that are being loaded are not waited for: who loads them finds nobody there
        when they have come, and the next training finds what was downloaded.
        """
        with self._command:
            with self._handing_over:
                if self._state == "loading":
                    self._thread = None
                    self._clear()
                    return
            self._halt()
            self._clear()

    def use(self) -> None:
        """Make the trained network the one that the page is about."""
        with self._command:
            self._need("paused", "finished", "diverged")
            work, state, data = self._held_work(), self._held_snapshot().state, self._held_work().dataset
            model = Model(
                work.architecture,
                state.layers,
                data.classes,
                data.feature_names,
                data.columns,
                self._told_of_itself(work, state.steps_done),
                version=__version__,
            )
            examples = Labelled(data.X_test, data.y_test, f"the test part of {data.name}")
            name = f"trained here, {state.steps_done:,} steps"
            self._session.adopt(Network.of_model(model), name, lambda: examples)

    def _told_of_itself(self, work: Work, steps: int) -> dict[str, Any]:
        """Say how a network was trained, as a model file does; the rate only where it was one."""
        record = {
            **work.settings.to_record(),
            "validation_part": "drawn by lot, of each class its share",
            "steps": steps,
        }
        record.pop("learning_rate")
        if len(self._rates) == 1:
            record["learning_rate"] = self._rate
        data = work.dataset
        return {**record, "data": {"name": data.name, "sha256": data.fingerprint, "own_test_part": data.has_own_split}}

    def close(self) -> None:
        """End the thread, for the server ends; one that loads data is not waited for."""
        with self._command:
            self._pausing.set()
            self._stop.set()
            if self._thread is not None:
                self._thread.join(SECONDS_AT_THE_END)

    def _need(self, *states: RunState) -> None:
        if self._state not in states:
            raise RefusalError(
                409, "state", f"The training is {_STATES[self._state]}; this needs one that is {_or(states)}."
            )

    def _nothing_held(self) -> RefusalError:
        is_to_come = self._state not in ("none", "failed")
        return RefusalError(409, "state", "The data are still being loaded." if is_to_come else "There is no training.")

    def _held_work(self) -> Work:
        if self._work is None:
            raise self._nothing_held()
        return self._work

    def _held_watch(self) -> Watch:
        if self._watch is None:
            raise self._nothing_held()
        return self._watch

    def _held_snapshot(self) -> Snapshot:
        if self._snapshot is None:
            raise self._nothing_held()
        return self._snapshot

    # ---- The thread ------------------------------------------------------------------------------------------------------

    def _spawn(self, most_steps: int | None, *, paused: bool = False) -> None:
        if self._thread is not None:
            self._thread.join()
        self._stop.clear()
        self._pausing.clear()
        if paused:
            self._pausing.set()
        self._thread = threading.Thread(target=self._run, args=(most_steps,), name="training", daemon=True)
        self._thread.start()

    def _halt(self) -> None:
        self._pausing.set()
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, most_steps: int | None) -> None:
        try:
            if self._work is None:
                self._load()
            if self._is_mine():
                self._train(most_steps)
        except DataUnavailableError as error:
            self._fail(f"{error} Or choose digits: they come along.")
        except PellucidError as error:
            self._fail(str(error))
        except MemoryError:
            self._fail("The memory of this machine does not suffice. Try a smaller network.")
        except Exception:
            logging.getLogger(__name__).exception("the training broke")
            self._fail("Something went wrong that should not; the server's window tells.")
        self._changed()

    def _fail(self, sentence: str) -> None:
        with self._handing_over:
            if self._is_mine():
                self._state, self._sentence = "failed", sentence

    def _load(self) -> None:
        config, name = self._config, self._config["data"]
        own = self._own_data if name == OWN_DATA else None
        with self._loads.setdefault(name, threading.Lock()):  # one that was put away may be at it still
            if not self._is_mine():
                return
            dataset = load(name) if own is None else load(own, self._own_label)
        work = work_of(dataset, config, self._make_engine)
        with self._handing_over:
            if not self._is_mine():
                return
            self._snapshot, self._work, self._watch = _first(work), work, self._watching(work)
            self._state = "paused" if self._pausing.is_set() else "running"

    def _watching(self, work: Work) -> Watch:
        return Watch(work, lambda: self._rate, self._changed)

    def _is_mine(self) -> bool:
        """Say whether the running thread is the trainer's still: one whose loading was put away is not."""
        return threading.current_thread() is self._thread

    def _train(self, most_steps: int | None) -> None:
        work, watch, left = self._held_work(), self._held_watch(), most_steps
        while not self._pausing.is_set() and (left is None or left > 0):
            before = self._held_snapshot()
            rules = PageRules(work.settings, self._rate)
            result = fit(
                work.engine, work.architecture, work.training, work.settings, validation=work.validation, start=before,
                callbacks=[watch], stop=self._stop.is_set, rules=rules, most_steps=left,
            )  # fmt: skip
            self._snapshot = result.snapshot
            watch.look_at_the_last()
            if result.ending is not Ending.INTERRUPTED:
                self._end(work, rules, result)
                return
            if left is not None:
                left -= result.snapshot.state.steps_done - before.state.steps_done
            if not self._pausing.is_set():
                self._stop.clear()
        self._state = "paused"

    def _end(self, work: Work, rules: PageRules, result: Fit) -> None:
        if result.ending is Ending.DIVERGED:
            self._sentence = (
                f"{where_it_diverged(work, rules, result.snapshot)} The rate is {self._rate:g}; set a lower one, and "
                "begin again."
            )
            is_spoiled = ends_its_epoch(work, result.snapshot) or not all_finite(result.snapshot.state.layers)
            if is_spoiled:  # go back to where the epoch began: there it was sound
                steps = result.snapshot.epochs_done * work.steps_an_epoch
                before = State(result.layers, (), steps)
                self._snapshot = replace(result.snapshot, state=before)
            self._sentence += f" The network is kept as it was after step {self._held_snapshot().state.steps_done:,}."
            self._state = "diverged"
        else:
            self._sentence, self._state = result.trouble or "", "finished"

    # ---- What the page sees ----------------------------------------------------------------------------------------------

    def to_record(self, seen: int | None = None) -> dict[str, Any]:
        """Write the run for the page; only its number where nothing has changed since the page has ``seen`` it."""
        changes, work, watch, state = self._changes, self._work, self._watch, self._now()
        brief = {"changes": changes, "state": self._state}
        if seen is not None and seen == changes:
            return {**brief, "unchanged": True}
        record: dict[str, Any] = {
            **brief,
            "config": self._config,
            "rate": self._rate,
            "sentence": self._sentence,
            "notices": [each for each in (watch.notices if watch else ()) if each != self._sentence],
        }
        if work is None or watch is None or state is None:
            return record
        return {
            **record,
            "network": str(work.architecture),
            "parameters": work.architecture.n_parameters,
            "rows": {"training": len(work.training), "validation": len(work.validation)},
            "steps": state.steps_done,
            "steps_an_epoch": work.steps_an_epoch,
            "epoch": state.steps_done // work.steps_an_epoch,
            "epochs": work.settings.epochs,
            **watch.to_record(),
        }

    def _now(self) -> State | None:
        """Where it stands: as the running training told last, or as it was left."""
        watch, snapshot = self._watch, self._snapshot
        told = None if watch is None else watch.told
        if self._state == "running" and told is not None:
            return told.state
        return None if snapshot is None else snapshot.state

    def weights_picture(self) -> bytes:
        """Draw the first layer's weights as they stand: a PNG. Raises ``RefusalError`` where there are none."""
        work, state = self._held_work(), self._now()
        return picture_of_first_layer(work.architecture, (state or self._held_snapshot().state).layers)


_STATES = {
    "none": "not there",
    "loading": "loading its data",
    "paused": "paused",
    "running": "running",
    "finished": "finished",
    "diverged": "diverged",
    "failed": "failed",
}


def _or(states: tuple[RunState, ...]) -> str:
    return " or ".join(_STATES[state] for state in states)


def _first(work: Work) -> Snapshot:
    return first_snapshot(work.architecture, work.settings)
