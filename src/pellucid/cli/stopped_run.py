"""The options of a run that is resumed: those that are not given anew are what it began with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def options_of_the_stopped_run(resume: Path | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Read them from the record in the folder; none where there is no run to go on with.

    Raises ``RunFolderError`` for a record that is spoiled or of another version, ``SettingError`` for a setting in it that
    is out of range, and where another recipe is ``given`` than the one that it began with.
    """
    from pellucid.errors import PellucidError, RunFolderError, SettingError
    from pellucid.formats.records import architecture_from_record
    from pellucid.training.identity import check_version
    from pellucid.training.run_folder import RunFolder
    from pellucid.training.settings import Settings
    from pellucid.training.taking_up import RUN, version_of

    if resume is None or not (folder := RunFolder(resume)).exists():
        return {}
    record = folder.read_record()
    check_version(folder.path, version_of(record), **RUN)  # first: another version may know other settings
    try:
        Settings.from_record(record["settings"])
        architecture_from_record(record["architecture"])
        hidden = ",".join(str(layer["width"]) for layer in record["architecture"]["hidden"]) or "none"
        activations = [layer["activation"] for layer in record["architecture"]["hidden"]]
        # One for all, where they are alike: then other widths, which are refused, are refused for what they are.
        activation = ",".join(activations if len(set(activations)) > 1 else activations[:1]) or "relu"
        options = {**record["settings"], **record["request"], "hidden": hidden, "activation": activation}
        options["loss"] = record["architecture"]["loss"]
        options |= record["architecture"].get("loss_settings", {})
        options["engine"] = f"{record['engine']['name']}:{record['engine']['target']}"
        if record["engine"]["name"] == "reference":  # there the number of threads changes bits
            options["threads"] = record["engine"]["threads"]
    except PellucidError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        why = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise RunFolderError(f"{folder.record} is spoiled ({why})", advice="Begin a new run.") from error
    began_with, wanted = options.get("recipe"), given.get("recipe")
    if wanted is not None and wanted != began_with:
        got = f"--recipe {wanted} is given for the run in {folder.path}"
        raise SettingError(got, f"{began_with}, as it began" if began_with else "none, as it began without")
    return {name: value for name, value in options.items() if value is not None}
