"""Whoever waits for the native engine is heard: Ctrl-C in long work, an answer of ``stop``; nobody is woken for nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from pellucid.engines import ReferenceEngine, StoppedError
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.optimizers import SGD
from pellucid.errors import SettingError

native = pytest.importorskip("pellucid.engines.native", reason="this installation has no native engine")

PATIENCE = 2.0  # seconds, far more than it takes to be heard, and far less than the work would take
ROWS = 200_000


def pressed_within(seconds: float, work) -> float:
    """Press Ctrl-C while ``work`` goes on; give the time that it took to be heard."""
    pressed = []

    def press() -> None:
        time.sleep(seconds)
        pressed.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        return time.perf_counter() - pressed[0]
    finally:
        with suppress(KeyboardInterrupt):  # of work that had ended before: a test that fails, and not the end of all
            presser.join()


@pytest.fixture(scope="module")
def long_work():
    """A network and as many examples as keep a core busy for half a minute; all of them are the same row of memory."""
    architecture = Architecture((784,), (Hidden(2000), Hidden(1000)), 10)
    row = np.random.default_rng(0).integers(1, 256, (1, 784), dtype=np.uint8)
    X = np.lib.stride_tricks.as_strided(row, (ROWS, 784), (0, 1), writeable=False)
    return architecture, initialize(architecture, 0), X, np.zeros(ROWS, np.int64)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to a process")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("what", ["logits", "predict", "gradients", "steps"])
def test_ctrl_c_is_heard_in_long_work(long_work, what, threads) -> None:
    architecture, layers, X, y = long_work
    engine = native.NativeEngine(threads=threads)
    work = {
        "logits": lambda: engine.logits(architecture, layers, X),
        "predict": lambda: engine.predict(architecture, layers, X),
        "gradients": lambda: engine.loss_and_gradients(architecture, layers, X, y),
        "steps": lambda: engine.run(
            architecture, SGD(), native.State(layers, ()), X, y, np.arange(ROWS), np.ones(20), batch_size=10_000
        ),
    }[what]
    assert pressed_within(0.1, work) < PATIENCE


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to a process")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("what", ["quick_logits", "quick_predict"])
def test_ctrl_c_is_heard_in_a_long_prediction_of_plain_examples(long_work, what, threads) -> None:
    architecture, layers, X, _ = long_work
    packed = native.NativeEngine(threads=threads).pack(architecture, layers)
    X = np.ascontiguousarray(X)  # it is asked only about what lies side by side
    assert pressed_within(0.1, lambda: getattr(packed, what)(X)) < PATIENCE


def test_a_prediction_beside_the_main_thread_hears_no_signal(long_work) -> None:
    architecture, layers, X, _ = long_work
    engine, answers = native.NativeEngine(threads=2), []
    beside = threading.Thread(target=lambda: answers.append(engine.predict(architecture, layers, X[:4_000])))

    def work() -> None:
        beside.start()
        while True:
            time.sleep(0.01)

    pressed_within(0.05, work)
    beside.join()
    np.testing.assert_array_equal(answers[0], engine.predict(architecture, layers, X[:4_000]))


ENDS_MEANWHILE = """
import threading, time
import numpy as np
from pellucid.engines import State, native
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.initialization import initialize
from pellucid.equations.optimizers import SGD

n, hidden = (20_000, (Hidden(2000), Hidden(1000))) if IS_LONG else (1000, (Hidden(50),))
architecture = Architecture((784,), hidden, 10)
layers, X, y = initialize(architecture, 0), np.ones((n, 784), np.uint8), np.zeros(n, np.int64)
engine = native.NativeEngine(threads=2)
steps = State(layers, ()), X, y, np.arange(n), np.full(n, 0.01)
work = {
    "predict": lambda: engine.predict(architecture, layers, X),
    "gradients": lambda: engine.loss_and_gradients(architecture, layers, X, y),
    "steps": lambda: engine.run(architecture, SGD(), *steps, batch_size=100, stop=lambda: False),
    "order": lambda: engine.order(0, n, 1),
}

def for_ever():
    while True:
        work[WHAT]()

threading.Thread(target=for_ever, daemon=True).start()
time.sleep(0.1)
"""


@pytest.mark.parametrize("is_long", [True, False], ids=["long", "short"])
@pytest.mark.parametrize("what", ["predict", "gradients", "steps", "order"])
def test_python_may_end_while_a_thread_that_nobody_waits_for_is_at_work(what, is_long) -> None:
    program = f"WHAT, IS_LONG = {what!r}, {is_long}{ENDS_MEANWHILE}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_others_go_on_while_a_large_network_answers_about_one_row() -> None:
    architecture = Architecture((4000,), (Hidden(4000),), 2)
    packed = native.NativeEngine(threads=1).pack(architecture, initialize(architecture, 0))
    x = np.ones((1, 4000), np.float32)
    turns, over = [], threading.Event()

    def take_turns() -> None:
        while not over.is_set():
            turns.append(0)
            time.sleep(0)  # lets others in

    beside = threading.Thread(target=take_turns)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # whoever does not let others in keeps the interpreter
    try:
        beside.start()
        before = len(turns)
        for _ in range(100):
            packed.predict(x)
        assert len(turns) > before
    finally:
        over.set()
        sys.setswitchinterval(interval)
        beside.join()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to a process")
def test_ctrl_c_is_heard_where_the_work_of_others_is_longer(long_work) -> None:
    architecture, layers, _, _ = long_work
    X = np.zeros((ROWS, 784), np.uint8)  # their zeros are skipped
    X[len(X) // 2 :] = 1
    packed = native.NativeEngine(threads=2).pack(architecture, layers)
    assert pressed_within(0.3, lambda: packed.predict(X)) < PATIENCE / 2


@pytest.mark.parametrize("threads", [1, 2])
def test_a_gradient_may_be_stopped(long_work, threads) -> None:
    architecture, layers, X, y = long_work
    engine, asked = native.NativeEngine(threads=threads), []

    def stop() -> bool:
        asked.append(time.perf_counter())
        return True

    began = time.perf_counter()
    with pytest.raises(StoppedError):
        engine.loss_and_gradients(architecture, layers, X, y, stop=stop)
    assert len(asked) == 1
    assert time.perf_counter() - began < PATIENCE
    with pytest.raises(ZeroDivisionError):
        engine.loss_and_gradients(architecture, layers, X, y, stop=lambda: 1 / 0)


def test_a_gradient_that_is_not_stopped_is_the_same(training) -> None:
    problem = training((784, 1500, 700, 10), n=3_000)
    batch = (problem.architecture, problem.start(SGD()).layers, problem.X, problem.y)
    for engine in (native.NativeEngine(threads=2), ReferenceEngine()):
        asked = []
        loss, gradients = engine.loss_and_gradients(*batch, stop=lambda asked=asked: bool(asked.append(1)))
        assert asked
        expected, expected_gradients = engine.loss_and_gradients(*batch)
        assert loss == expected
        for ours, theirs in zip(gradients, expected_gradients, strict=True):
            np.testing.assert_array_equal(ours.W, theirs.W)
            np.testing.assert_array_equal(ours.b, theirs.b)


def test_the_reference_asks_before_it_begins(training) -> None:
    problem = training()
    with pytest.raises(StoppedError):
        ReferenceEngine().loss_and_gradients(
            problem.architecture, problem.start(SGD()).layers, problem.X, problem.y, stop=lambda: True
        )


@pytest.mark.parametrize("bfloat16", [False, True], ids=["float32", "bfloat16"])
def test_one_yes_is_enough(training, bfloat16) -> None:
    batch_size = 64 if bfloat16 else 512  # a crew, who meet once in a step; sections
    problem = training((784, 256, 10), n=40_000, batch_size=batch_size)
    engine, start = native.NativeEngine(threads=2, bfloat16=bfloat16), problem.start(SGD())
    for at in range(1, 8):
        asked = []

        def stop(asked=asked, at=at) -> bool:
            asked.append(1)
            return len(asked) == at

        found = problem.run(engine, SGD(), start, stop=stop)
        assert len(asked) <= at
        if not bfloat16:  # of a crew the last step may have begun
            assert len(asked) < at or len(found.losses) < 79


@pytest.mark.parametrize("threads", [0, -1, 1025, 2**40])
def test_a_number_of_threads_that_nobody_has_is_refused(threads) -> None:
    with pytest.raises(SettingError, match=rf"number of threads is {threads}; expected .* 1 to 1,024"):
        native.NativeEngine(threads=threads)


def times_on_a_core() -> dict[str, int]:
    """How often each thread of this process has left a core, as it had to wait or as others were let in."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has ended
            lines = (task / "status").read_text().splitlines()
            found[task.name] = sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    return found


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this system does not list the threads of a process")
def test_threads_without_a_part_in_the_work_sleep_on(long_work) -> None:
    architecture, layers, X, _ = long_work
    many, two = (native.NativeEngine(threads=threads).pack(architecture, layers) for threads in (40, 2))
    many.predict(X[:80])
    time.sleep(0.3)  # the last of them have spun, and fallen asleep
    before = times_on_a_core()
    for _ in range(50):
        two.predict(X[:8])
    time.sleep(0.3)
    after = times_on_a_core()
    assert len(before) >= 40
    assert sum(after.get(thread, times) > times for thread, times in before.items()) <= 20
