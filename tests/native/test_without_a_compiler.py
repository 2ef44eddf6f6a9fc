"""Where no C++ compiler is there, Pellucid is installed all the same: with the reference engine alone, and it says why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_without_a_compiler_the_reference_engine_is_installed_alone(tmp_path):
    for needed in ("scikit_build_core", "nanobind"):
        pytest.importorskip(needed, reason="what builds Pellucid is not installed")
    sources, place = tmp_path / "sources", tmp_path / "installed"
    shutil.copytree(ROOT, sources, ignore=shutil.ignore_patterns(".*", "build", "data", "runs", "_native*.so"))
    environment = {**os.environ, "CXX": str(tmp_path / "no-compiler-here"), "CC": str(tmp_path / "nor-here")}
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps"]
    subprocess.run([*pip, "--target", place, sources], env=environment, check=True, capture_output=True)
    assert (place / "pellucid" / "engines" / "native.py").is_file()
    assert not list(place.glob("pellucid/engines/_native*.so"))

    libraries = os.pathsep.join([str(place), sysconfig.get_path("purelib")])
    environment = {**os.environ, "PYTHONPATH": libraries, "HOME": str(tmp_path)}
    pellucid = [sys.executable, "-S", "-m", "pellucid"]  # -S: the copy that is developed here is not found
    done = subprocess.run(
        [*pellucid, "doctor", "--json"], env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    record = json.loads(done.stdout)
    assert (record["engine"], record["engines"]) == ("reference", ["reference"])
    assert record["why_no_native_engine"] == (
        "the C++ module of the native engine was not built when Pellucid was installed"
    )
    refused = subprocess.run(
        [*pellucid, "train", "--data", "digits", "--engine", "native"],
        env=environment, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "pip install builds it where there is a C++20 compiler" in refused.stderr
    trained = [*pellucid, "train", "--data", "digits", "--epochs", "1"]
    subprocess.run(trained, env=environment, cwd=tmp_path, check=True, capture_output=True)
