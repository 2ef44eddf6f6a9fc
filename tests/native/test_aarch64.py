"""The engine on another processor: cross-compiled, run in an emulator, its numbers held against those made here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"
MISSING = [tool for tool in ("cmake", "g++", COMPILER, EMULATOR) if not shutil.which(tool)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (Debian: .ci/packages)"),
]


def built(folder, *options):
    """Compile the test programs; give the folder that they are in."""
    everything = ["-DCMAKE_SYSTEM_NAME=Linux", "-DPELLUCID_PYTHON=OFF", "-DPELLUCID_TESTS=ON", *options]
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, *everything], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", folder, "--parallel", "2"], check=True, capture_output=True)
    return folder / "tests" / "native"


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    """The test programs for aarch64, and how they are run."""
    options = [
        f"-DCMAKE_CXX_COMPILER={COMPILER}",
        "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        "-DCMAKE_EXE_LINKER_FLAGS=-static",
    ]
    programs = built(tmp_path_factory.mktemp("aarch64"), *options)
    return lambda program, *arguments: run([EMULATOR, programs / program, *arguments])


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """The same for this processor, of which no more is said than that it is one: the portable target is all there is."""
    programs = built(tmp_path_factory.mktemp("native"), "-DCMAKE_SYSTEM_PROCESSOR=any")
    return lambda program, *arguments: run([programs / program, *arguments])


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def numbers_of(line):
    loss, correct = re.search(r"loss (\S+) correct (\d+)", line).groups()
    return float(loss), int(correct)


def test_the_portable_target_trains_alike_on_aarch64(emulated, native):
    lines, expected = emulated("kernels_test", "scalar"), native("kernels_test", "scalar")
    assert len(lines) == len(expected) > 20
    assert lines[-1] == "all near"
    for line, wanted in zip(lines[:-1], expected[:-1], strict=True):
        if " distorted: " in line:  # pictures, to the last shade
            assert line == wanted
            continue
        assert line.split(": loss")[0] == wanted.split(": loss")[0]
        # Nothing is fused, and + − × ÷ √ are rounded alike everywhere: the same bits, but for the logarithm of the loss.
        (loss, correct), (wanted_loss, wanted_correct) = numbers_of(line), numbers_of(wanted)
        assert loss == pytest.approx(wanted_loss, rel=1e-15, abs=0)
        assert correct == wanted_correct
        assert line.split(" parameters ")[1] == wanted.split(" parameters ")[1]


def test_threads_keep_their_promises_on_aarch64(emulated):
    assert emulated("threads_test") == ["as promised"]
