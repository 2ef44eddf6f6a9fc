"""The table of all reproductions in a folder: published results beside ours, in Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import RunFolderError
from pellucid.files import write_text
from pellucid.recipes.book import RECIPES
from pellucid.recipes.reproduction import RECORD

Record = Mapping[str, Any]

HEADINGS = (
    "recipe",
    "network and training",
    "published",
    "ours",
    "seeds",
    "epochs",
    "training a run",
    "calibration error",
)


def read_records(folder: Path) -> list[Record]:
    """Read what was reproduced in a folder, in the order of the book. Raises ``RunFolderError`` for a spoiled record."""
    records = []
    for name in RECIPES:
        path = folder / name / RECORD
        if not path.is_file():
            continue
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            markdown([record])
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise RunFolderError(
                f"{path} is spoiled ({error!r})", advice="Remove it; its runs are beside it."
            ) from error
        records.append(record)
    return records


def cells_of(record: Record) -> tuple[str, ...]:
    """Write a record as the cells of a row."""
    published, ended = record["published"], [each for each in record["seeds"] if each["error"] is not None]
    theirs = (
        "–" if published is None else f"{published['error']:.2f} %" + ("" if published["checked"] else " (as cited)")
    )
    seconds = [each["seconds"] for each in ended]
    wanted = record.get("wanted", len(record["seeds"]))
    under_way = f"{record['seeds'][-1]['epochs']} of " if not ended else ""
    calibration = [each["calibration_error"] for each in ended if each["calibration_error"] is not None]
    return (
        record["recipe"],
        record["title"],
        theirs,
        ours(record),
        str(len(ended)) if len(ended) == wanted else f"{len(ended)} of {wanted}",
        f"{under_way}{record['epochs']}",
        duration(sum(seconds) / len(seconds)) if seconds else "–",
        f"{100 * sum(calibration) / len(calibration):.2f} %" if calibration else "–",
    )


def duration(seconds: float) -> str:
    """Write how long something took, in the unit that suits it.

    >>> duration(1.24), duration(57.4), duration(482.0), duration(7200.0)
    ('1.2 s', '57 s', '8.0 min', '2.0 h')
    """
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def ours(record: Record) -> str:
    """Write our error: its mean, and its standard deviation where there are several runs."""
    if record["error"] is None:
        return "not ended"
    spread = "" if record["spread"] is None else f" ± {record['spread']:.2f}"
    return f"{record['error']:.2f}{spread} %"


def markdown(records: Sequence[Record]) -> str:
    """Write records as a table in Markdown, with what differs from the papers and where they were run below it."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(cells_of(record) for record in records)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    alike: dict[str, list[str]] = {}  # rows of one paper that differ from it in the same way share a note
    for record in records:
        if record["published"]:
            note = f"{record['published']['source']}. Ours differs: {'; '.join(record['differs'])}."
            alike.setdefault(note, []).append(f"`{record['recipe']}`")
    notes = [f"* {', '.join(names)}: {note}" for note, names in alike.items()]
    return "\n\n".join(filter(None, [table, "\n".join(notes), _machines(records)])) + "\n"


def run_on(record: Record) -> str:
    """Write what the runs of a row were made by: machine, engine, precision, threads; of several, those of any run."""
    threads = sorted({seed["threads"] for seed in record["seeds"]})
    by = f"{' or '.join(map(str, threads))} thread{'s' * (threads != [1])}"
    machines = " or ".join(sorted({seed["machine"] for seed in record["seeds"]}))
    return f"{machines}; {record['engine']}, {record['precision']}, {by}"


def _machines(records: Sequence[Record]) -> str:
    """Say where the rows were run: which on which machine, if there were several."""
    rows: dict[str, list[str]] = {}
    for record in records:
        rows.setdefault(run_on(record), []).append(f"`{record['recipe']}`")
    if len(rows) == 1:
        return f"Run on: {next(iter(rows))}."
    return "Run on:\n\n" + "\n".join(f"* {machine}: {', '.join(names)}" for machine, names in rows.items())


def write_table(folder: Path) -> list[Record]:
    """Write ``table.md`` and ``table.json`` of a folder anew: → its records. Raises ``StorageError``."""
    records = read_records(folder)
    write_text(folder / "table.md", markdown(records))
    write_text(folder / "table.json", json.dumps({"rows": records}, ensure_ascii=False, indent=1) + "\n")
    return records
