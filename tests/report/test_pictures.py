from __future__ import annotations

import numpy as np

from pellucid.report.pictures import draw_pictures, plot_pictures
from pellucid.report.reproductions import draw_reproductions, plot_reproductions

RECORD = {
    "recipe": "best",
    "error": 0.6,
    "seeds": [{"error": 0.5}, {"error": 0.7}, {"error": None}],
    "published": {"error": 0.8},
}


def test_each_row_of_pictures_has_its_name(tmp_path) -> None:
    rng = np.random.default_rng(0)
    rows = [("as they are", rng.integers(0, 256, (3, 5, 4))), ("in colour", rng.integers(0, 256, (2, 5, 4, 3)))]
    rows.append(("of two kinds", rng.integers(0, 256, (3, 5, 4, 2))))
    figure = plot_pictures(rows)
    assert [axes.get_title(loc="left") for axes in figure.axes[::3]] == ["as they are", "in colour", "of two kinds"]
    assert sum(len(axes.get_images()) for axes in figure.axes) == 8
    draw_pictures(rows, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_published_results_and_ours_are_on_one_axis(tmp_path) -> None:
    figure = plot_reproductions([RECORD, {**RECORD, "recipe": "seed", "published": None}])
    axes = figure.axes[0]
    dots = [
        line.get_xdata().tolist() for line in axes.get_lines() if line.get_marker() == "o" and len(line.get_xdata())
    ]
    assert dots == [[0.5, 0.7], [0.5, 0.7]]
    assert next(line.get_xdata().tolist() for line in axes.get_lines() if line.get_marker() == "D") == [0.8]
    draw_reproductions([RECORD], tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
