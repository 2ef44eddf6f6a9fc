"""What the documents say is there, is there. (Their Python examples are executed as doctests.)"""

import json
import re
from pathlib import Path
from runpy import run_path

import pytest
import typer.main

from pellucid.cli.app import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    path
    for folder in (
        ROOT,
        *(ROOT / name for name in ("decisions", "docs", "benchmarks", "cpp", "src/pellucid/equations")),
    )
    for path in folder.glob("*.md")
]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{target} in {document}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_command_that_is_shown_exists_with_its_options(document: Path) -> None:
    command = typer.main.get_command(app)
    for line in re.findall(
        r"pellucid ((?:train|evaluate|predict|explain|serve|info|export|reproduce|bench|data|doctor)\b[^`\n#|]*)",
        document.read_text(),
    ):
        words = line.split()
        verb = command.commands[words[0]]
        if hasattr(verb, "commands") and len(words) > 1:
            verb = verb.commands[words[1]]
        known = {name for parameter in verb.params for name in parameter.opts} | {"--help"}
        for option in re.findall(r"--[a-z][a-z-]*", line):
            assert option in known, f"{option} of pellucid {words[0]} in {document}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_make_target_that_is_shown_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(), re.MULTILINE):
        assert target in targets


def test_every_file_and_folder_that_the_map_names_exists() -> None:
    rooms = re.findall(r"^\| `([a-z_]+(?:/|\.py))` \|", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    assert len(rooms) >= 9
    for room in rooms:
        assert (ROOT / "src/pellucid" / room).exists()
    there = {path.name for path in (ROOT / "src/pellucid").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert there == {room.rstrip("/") for room in rooms if room.endswith("/")}


def test_the_readme_shows_every_verb() -> None:
    readme = (ROOT / "README.md").read_text()
    for verb in typer.main.get_command(app).commands:
        assert f"pellucid {verb} " in readme


@pytest.mark.parametrize("script", sorted((ROOT / "docs").glob("*.py")), ids=lambda script: script.name)
def test_every_script_of_the_documents_finds_what_it_imports(script: Path) -> None:
    run_path(str(script))


def test_the_table_of_accuracy_is_that_of_its_record() -> None:
    from pellucid.recipes.table import markdown

    record = json.loads((ROOT / "docs/accuracy.json").read_text())
    assert markdown(record["rows"]) in (ROOT / "docs/accuracy.md").read_text()


def test_what_the_readme_says_of_accuracy_is_in_the_record() -> None:
    from pellucid.recipes.table import ours

    record = json.loads((ROOT / "docs/accuracy.json").read_text())
    lines = (ROOT / "README.md").read_text().splitlines()
    for row in record["rows"]:
        if row["published"] is None:
            (line,) = [line for line in lines if line.startswith(f"| `{row['recipe']}` |")]
            assert ours(row) in line
