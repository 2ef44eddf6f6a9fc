from pathlib import Path

import pytest

from pellucid.errors import MissingExtraError
from pellucid.training.history import EpochRecord

pytest.importorskip("matplotlib", reason="curves need matplotlib: pip install 'pellucid[plots]'")

from pellucid.report.curves import draw_curves, plot_curves


def history(validation: bool, accuracies: tuple[float, ...] = (0.9, 0.95, 0.97)) -> tuple[EpochRecord, ...]:
    held_out = (0.4, 0.88) if validation else (None, None)
    return tuple(
        EpochRecord(epoch, 0.5 / epoch, accuracy, *held_out, 0.1, 1.0, 100.0)
        for epoch, accuracy in enumerate(accuracies, start=1)
    )


def drawn(figure) -> dict[str, dict[str, list[float]]]:
    return {
        axes.get_title(loc="left"): {line.get_label(): list(line.get_ydata()) for line in axes.lines}
        for axes in figure.axes
    }


def test_the_curves_show_what_the_history_says() -> None:
    lines = drawn(plot_curves(history(validation=True)))
    assert lines["Loss"]["training, as it went by"] == [0.5, 0.25, 0.5 / 3]
    assert lines["Error"]["training, as it went by"] == pytest.approx([10, 5, 3])
    assert lines["Error"]["validation, at the epoch's end"] == pytest.approx([12, 12, 12])


def test_without_a_validation_part_there_is_one_line() -> None:
    assert [len(lines) for lines in drawn(plot_curves(history(validation=False))).values()] == [1, 1]


def test_an_error_of_zero_can_be_drawn(tmp_path: Path) -> None:
    draw_curves(history(validation=False, accuracies=(0.9, 1.0)), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r'needs the package matplotlib.* Try: pip install "pellucid\[plots\]"'):
        plot_curves(history(validation=False))
