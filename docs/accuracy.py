"""Put what was reproduced into docs/accuracy.md: python docs/accuracy.py [FOLDER], a folder of pellucid reproduce.

The table between the two marks of the page is written anew, with its picture and its record beside it. Rows that the folder
does not hold stay as they were, but for the words of their recipes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pellucid.files import write_text
from pellucid.recipes import RECIPES
from pellucid.recipes.table import markdown, read_records
from pellucid.report.reproductions import draw_reproductions

HERE = Path(__file__).parent
BEGIN, END = "<!-- the table: python docs/accuracy.py -->", "<!-- the end of the table -->"


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "reproductions")
    stored = {row["recipe"]: row for row in json.loads((HERE / "accuracy.json").read_text(encoding="utf-8"))["rows"]}
    rows = stored | {new["recipe"]: new for new in read_records(folder) if _replaces(new, stored.get(new["recipe"]))}
    records = [_with_words_of_today(rows[name]) for name in RECIPES if name in rows]
    page = HERE / "accuracy.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    write_text(HERE / "accuracy.json", json.dumps({"rows": records}, ensure_ascii=False, indent=1) + "\n")
    write_text(page, f"{before}{BEGIN}\n\n{markdown(records)}\n{END}{after}")
    draw_reproductions(records, HERE / "accuracy.png")


def _replaces(new: dict[str, Any], stored: dict[str, Any] | None) -> bool:
    """Whether a record's row goes into the page: fewer seeds of the same settings say less than what stands there."""
    if stored is None or new["options"] != stored["options"]:
        return new["error"] is not None
    if (seeds := _ended(new)) >= (before := _ended(stored)):
        return True
    print(f"{new['recipe']} stays as it was: {seeds} of its seeds have ended in the folder, {before} stand in the page")
    return False


def _ended(record: dict[str, Any]) -> int:
    return sum(seed["error"] is not None for seed in record["seeds"])


def _with_words_of_today(record: dict[str, Any]) -> dict[str, Any]:
    """Write anew what is said of a row, where what was done is what its recipe says."""
    recipe = RECIPES[record["recipe"]]
    if record["options"] != dict(recipe.options):
        return record
    return {**record, "title": recipe.title, "differs": list(recipe.differs)}


if __name__ == "__main__":
    main()
