"""From options, as the command line and recipes name them, to records: an architecture, settings, an augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from pellucid.datasets.dataset import Dataset
from pellucid.datasets.streamed import StreamedDataset
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.beyond.augmentation import Augmentation
from pellucid.equations.losses import LOSSES, CrossEntropy, Loss
from pellucid.errors import SettingError
from pellucid.recipes.teachers import teacher_of
from pellucid.training.run import usual_validation_rows
from pellucid.training.settings import LEARNING_RATES, Settings

EXTRAS = ("dropout", "input_dropout", "l2", "clip", "max_norm")
"""The options of numbers that are added to a step."""

LOSSES_OF_CLASSES = tuple(name for name, loss in LOSSES.items() if loss.of_classes)

AUGMENTATIONS = {
    "affine": Augmentation(rotation=15, scale=0.15, shear=0.15, shift=2),
    "elastic": Augmentation(elastic_alpha=34, elastic_sigma=4),
    "both": Augmentation(rotation=10, scale=0.1, shear=0.1, shift=1, elastic_alpha=34, elastic_sigma=4),
}
"""Strengths by name, for pictures of about 28×28 pixels; those of the elastic one are Simard's."""

STRENGTHS = {each.name.removeprefix("elastic_"): each.name for each in fields(Augmentation)}


def architecture_of(dataset: Dataset | StreamedDataset, options: Mapping[str, Any]) -> Architecture:
    """Read ``hidden``, ``activation``, ``loss`` and ``label_smoothing``.

    Widths are "128,64" or "none"; activations one name for all layers or one for each.

    Raises ``SettingError`` for what is no network.
    """
    text = str(options.get("hidden", "128,64"))
    try:
        widths = [] if text == "none" else [int(word) for word in text.split(",")]
    except ValueError:
        hint = "Try --hidden 128,64, or --hidden none."
        raise SettingError(f"--hidden is {text!r}", "whole numbers with commas between", hint) from None
    names = str(options.get("activation", "relu")).split(",")
    if len(names) == 1:
        names *= len(widths)
    if len(names) != len(widths):
        raise SettingError(f"--activation names {len(names)} layers", f"1, or {len(widths)}, as --hidden does")
    return Architecture(
        input_shape=dataset.input_shape,
        hidden=tuple(Hidden(width, name) for width, name in zip(widths, names, strict=True)),
        outputs=len(dataset.classes),
        loss=_loss_of(options),
        scaling=dataset.scaling,
    )


def _loss_of(options: Mapping[str, Any]) -> Loss:
    name, smoothing = options.get("loss", CrossEntropy.name), options.get("label_smoothing", 0.0)
    if name == CrossEntropy.name:
        return CrossEntropy(smoothing)
    if name not in LOSSES_OF_CLASSES:
        raise SettingError(f"there is no loss of classes {name!r}", f"one of {', '.join(LOSSES_OF_CLASSES)}")
    if smoothing:
        raise SettingError(f"--label-smoothing is {smoothing:g} beside the loss {name}", "it with cross_entropy alone")
    return LOSSES[name]()


def settings_of(dataset: Dataset | StreamedDataset, options: Mapping[str, Any]) -> Settings:
    """Read all that says how to train.

    Raises ``SettingError`` for a value out of range, an augmentation that does not fit the data, or a teacher that does not
    fit both; ``ModelFileError`` for a teacher that is none.
    """
    chosen = dict(options)
    chosen.setdefault("learning_rate", LEARNING_RATES.get(chosen.get("solver", "sgd"), LEARNING_RATES["sgd"]))
    if ("until" in chosen or "patience" in chosen) and "validation" not in chosen:
        chosen["validation"] = usual_validation_rows(dataset.n_train)
    extras = {**chosen.get("extras", {}), **{name: chosen[name] for name in EXTRAS if name in chosen}}
    if "augment" in chosen:
        by = augmentation(chosen["augment"])
        extras["augmentation"] = None if by is None else asdict(by)
    settings = Settings.from_record({**chosen, "extras": extras})
    if settings.extras.augmentation is not None:
        settings.extras.augmentation.check_pictures(dataset.input_shape)
    teacher = teacher_of(dataset, options)
    if teacher is None:
        return settings
    teacher.check_pupil(architecture_of(dataset, options))
    return replace(settings, extras=replace(settings.extras, teacher=teacher))


def augmentation(text: str) -> Augmentation | None:
    """Read the strengths of distortions: a name, or numbers with names; None for "none".

    Raises ``SettingError`` for what is neither.

    >>> augmentation("affine")
    Augmentation(rotation=15.0, scale=0.15, shear=0.15, shift=2.0, elastic_alpha=0.0, elastic_sigma=4.0)
    >>> augmentation("rotation=10,alpha=20")
    Augmentation(rotation=10.0, scale=0.0, shear=0.0, shift=0.0, elastic_alpha=20.0, elastic_sigma=4.0)
    """
    if text == "none":
        return None
    if text in AUGMENTATIONS:
        return AUGMENTATIONS[text]
    strengths: dict[str, float] = {}
    for word in text.split(","):
        name, _, number = word.partition("=")
        try:
            strength, value = STRENGTHS[name.strip()], float(number)
        except (KeyError, ValueError):
            expected = f"{', '.join(AUGMENTATIONS)} or none, or strengths such as rotation=15,scale=0.15,shift=2"
            raise SettingError(
                f"--augment holds {word!r}", expected, f"The strengths are {', '.join(STRENGTHS)}."
            ) from None
        if strength in strengths:
            raise SettingError(f"--augment names {name.strip()} twice", "each strength once")
        strengths[strength] = value
    if "elastic_sigma" in strengths and "elastic_alpha" not in strengths:
        raise SettingError(
            "--augment names sigma and no alpha", "alpha, too: it says how far pixels move", "Try alpha=34."
        )
    return Augmentation(**strengths)
