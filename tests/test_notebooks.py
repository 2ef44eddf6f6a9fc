"""The notebooks are what they say: run anew, in a kernel of their own, they print what is stored in them."""

from __future__ import annotations

import copy
import os
import re
import tempfile
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))


def printed(notebook):
    """What a reader sees below each cell as text; a stream may come in several pieces."""
    for cell in notebook.cells:
        yield "".join(
            output["text"] if output.output_type == "stream" else output["data"]["text/plain"]
            for output in cell.get("outputs", [])
        )


def shown(notebook):
    """The pages below its cells; numbers, of which the last digit is the processor's, left out."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            yield re.sub("[-−.·⁻⁰¹²³⁴⁵⁶⁷⁸⁹0-9]+", "#", output.get("data", {}).get("text/html", ""))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what the kernel's packages warn of is not ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_prints_what_is_stored_in_it(path, monkeypatch):
    monkeypatch.setenv("PELLUCID_ENGINE", "reference")
    stored = nbformat.read(path, as_version=4)
    again = copy.deepcopy(stored)
    nbclient.NotebookClient(
        again, timeout=300, kernel_name="python3", resources={"metadata": {"path": os.curdir}}
    ).execute()
    assert list(printed(again)) == list(printed(stored))
    assert list(shown(again)) == list(shown(stored))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_stored_with_its_outputs_and_names_no_machine(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(
        output.output_type == "error" or output.get("name") == "stderr" for cell in cells for output in cell.outputs
    )
    here = (str(Path.home()), str(Path(__file__).parents[1]), tempfile.gettempdir())
    assert not any(place in path.read_text(encoding="utf-8") for place in here)


def test_there_are_notebooks():
    assert NOTEBOOKS
