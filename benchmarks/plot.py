"""Draw what ``benchmarks/run.py`` has written down, as horizontal bars: the shorter the better.

    python -m benchmarks.plot benchmarks/results/seed-64.json [more.json …] --out docs/speed.png [--without scalar,bfloat16]

One panel a record. The ending of the picture's name, .png or .svg, says which it is.
"""

from __future__ import annotations

import argparse
import io
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import written
from pellucid.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, PEERS, CEILING = "#0072B2", "0.72", "0.88"  # the blue of the learning curves, and greys
HEIGHT_OF_A_BAR, HEIGHT_OF_A_TITLE = 0.27, 0.75


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--without", default="", metavar="WORDS", help="leave out whose name has one of these, with commas between"
    )
    arguments = parser.parse_args()
    records = [json.loads(path.read_text()) for path in arguments.records]
    words = [word for word in arguments.without.split(",") if word]
    draw([_without(words, record) for record in records], arguments.out)


def _without(words: list[str], record: dict[str, Any]) -> dict[str, Any]:
    kept = [result for result in record["results"] if not any(word in result["name"] for word in words)]
    return {**record, "results": kept}


def draw(records: list[dict[str, Any]], path: Path) -> None:
    """Write the picture, whole or not at all. The same records give the same bytes."""
    import matplotlib

    picture = io.BytesIO()
    kind = path.suffix.removeprefix(".")
    with matplotlib.rc_context({"svg.hashsalt": "pellucid", "svg.fonttype": "path"}):
        metadata = {"Date": None} if kind == "svg" else {}
        plot(records).savefig(picture, format=kind, dpi=150, metadata=metadata)
    write_bytes(path, picture.getvalue())


def plot(records: list[dict[str, Any]]) -> Figure:
    """Draw one panel a record: → a matplotlib Figure."""
    from matplotlib.figure import Figure

    heights = [HEIGHT_OF_A_TITLE + HEIGHT_OF_A_BAR * len(record["results"]) for record in records]
    figure = Figure(figsize=(9, sum(heights) + 0.6), layout="constrained")
    panels = figure.subplots(len(records), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, record in zip(panels, records, strict=True):
        _bars(axes, record)
    figure.supxlabel(_footnote(records), fontsize=8, color="0.4", x=0.01, ha="left")
    return figure


def _bars(axes: Axes, record: dict[str, Any]) -> None:
    results = record["results"][::-1]  # the first bar is drawn lowest
    colors = {"pellucid": OURS, "ceiling": CEILING}
    medians = [result["median"] for result in results]
    bars = axes.barh(
        [result["name"] for result in results],
        medians,
        color=[colors.get(result["peer"], PEERS) for result in results],
        height=0.72,
    )
    axes.bar_label(bars, [_label(result, record["figure"]) for result in results], padding=4, fontsize=9)
    axes.set_title(record["title"], loc="left", fontweight="bold", fontsize=10)
    axes.set_xlim(0, 1.3 * max(medians))
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _label(result: dict[str, Any], figure: str) -> str:
    said = written(result["median"], figure)
    return f"{said}, {100 * result['accuracy']:.1f} % right" if "accuracy" in result else said


def _footnote(records: list[dict[str, Any]]) -> str:
    """Say who was measured, on what: versions, processor, threads."""
    versions = {
        result["name"].split()[0]: result["version"]
        for record in records
        for result in record["results"]
        if result["peer"] != "ceiling"
    }
    about, threads = records[0]["machine"], sorted({record["threads"] for record in records})
    peers = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    machine = f"{about['processor']}, {' and '.join(map(str, threads))} of {about['cores']} cores"
    return textwrap.fill(f"Medians, all taking turns in one run. {machine}. {peers}.", 150, break_on_hyphens=False)


if __name__ == "__main__":
    main()
