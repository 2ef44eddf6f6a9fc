"""What the verbs put on a page about a model, beside what was found: the command, the training, the history of the run."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pellucid.network import Network
    from pellucid.training.evaluation import Evaluation
    from pellucid.training.mistakes import Shown
    from pellucid.training.tally import Tally

SHOWN_OF_A_TRAINING = ("solver", "learning_rate", "schedule", "batch_size", "epochs", "seed", "precision", "ending")


def write_page(
    path: Path,
    network: Network,
    model: Path,
    found: Evaluation | Tally,
    shown: Shown,
    what: str,
    data: str | None = None,
    label: str | None = None,
) -> None:
    """Write a page about a model, what was found on examples, and the few of them that are shown. Raises ``StorageError``.

    ``data`` and its ``label`` are what was named, where it is not the model's own.
    """
    from pellucid.errors import RunFolderError
    from pellucid.files import write_text
    from pellucid.report.page import Subject, to_page
    from pellucid.training.history import History, from_records
    from pellucid.training.run_folder import RunFolder
    from pellucid.training.tally import Tally

    training = network.model.training
    facts = [("command", shlex.join(["pellucid", *sys.argv[1:]])), ("model", str(model))]
    facts += [(name.replace("_", " "), str(training[name])) for name in SHOWN_OF_A_TRAINING if name in training]
    folder, history = RunFolder(model), History()
    if folder.exists():
        with suppress(RunFolderError, TypeError):  # the model may be sound though the run's record is not
            record = folder.read_record()
            history = from_records(record.get("epochs", ()))
            facts.append(("data, SHA-256", str(record["data"]["sha256"])))
            facts += [(f"version of {name}", str(version)) for name, version in record.get("versions", {}).items()]
    named = ["--data", data] if data is not None else []
    explains = label is None and not isinstance(found, Tally)  # it takes no column, and what it reads it reads at once
    step = shlex.join(["pellucid", "explain", str(model), *named, "--index"]) if explains else ""
    write_text(path, to_page(Subject(network, found, shown, what, facts, history, step)))
