"""How a network is trained: the settings, each checked when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from math import inf, isfinite
from typing import Any

from pellucid.equations.beyond.augmentation import Augmentation
from pellucid.equations.beyond.extras import PLAIN, Extras
from pellucid.equations.finite import is_finite_number
from pellucid.equations.initialization import INITIALIZERS
from pellucid.equations.optimizers import OPTIMIZERS, Optimizer
from pellucid.equations.schedules import SCHEDULES
from pellucid.errors import SettingError
from pellucid.formats.records import digest_of_network

PRECISIONS = ("float32", "float64", "bfloat16")

LEARNING_RATES = {"sgd": 0.2, "momentum": 0.01, "nesterov": 0.01, "adam": 0.001, "adamw": 0.001}
"""The rate each solver begins with unless it is told another."""

MOST_EPOCHS = 2**32 - 1
"""An epoch's number is a 32-bit word of the address of its random numbers."""


@dataclass(frozen=True)
class Settings:
    """The settings of a training; the defaults are the text's experiment.

    ``validation`` holds out that many rows from the end of the training part. ``until`` stops as soon as the accuracy on
    them reaches it; ``patience`` stops after that many epochs in which the loss on them did not fall, and goes back to
    the best epoch. In the first ``warm_up`` epochs the rate rises; the schedule is that of the others. ``average`` keeps, in
    place of the last parameters, the mean of those at the ends of the last so many epochs. ``solver_settings`` are those of
    the solver that shall not be as usual, such as mu; ``extras`` are added to each step. Raises ``SettingError`` for a value
    out of range.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = LEARNING_RATES["sgd"]
    solver: str = "sgd"
    schedule: str = "constant"
    warm_up: int = 0
    initialization: str = "he-uniform"
    seed: int = 0
    precision: str = "float32"
    validation: int = 0
    until: float | None = None
    patience: int | None = None
    average: int = 0
    solver_settings: Mapping[str, float] = field(default_factory=dict)
    extras: Extras = PLAIN

    def __post_init__(self) -> None:
        _whole_number("--epochs", self.epochs, 1, MOST_EPOCHS)
        _whole_number("--batch-size", self.batch_size, 1)
        _whole_number("--seed", self.seed, 0, 2**64 - 1)
        _whole_number("--validation", self.validation, 0)
        _whole_number("--average", self.average, 0, self.epochs)
        _whole_number("--warm-up", self.warm_up, 0, self.epochs - 1)
        if self.patience is not None:
            _whole_number("--patience", self.patience, 1)
        if not is_finite_number(self.learning_rate) or self.learning_rate <= 0:
            got = f"--learning-rate is {self.learning_rate!r}"
            raise SettingError(got, "a positive number", f"Try {LEARNING_RATES.get(self.solver, 0.1)}.")
        if self.until is not None and not (is_finite_number(self.until) and 0 < self.until <= 1):
            percentage = is_finite_number(self.until) and 1 < self.until <= 100
            hint = f"Did you mean {self.until / 100:g}?" if percentage else ""
            raise SettingError(f"--until is {self.until!r}", "an accuracy above 0 and at most 1", hint)
        if (self.until is not None or self.patience is not None) and not self.validation:
            raise SettingError("--until and --patience need a validation part", advice="Try --validation 10000.")
        for name, value, known in (
            ("--solver", self.solver, OPTIMIZERS),
            ("--schedule", self.schedule, SCHEDULES),
            ("--initialization", self.initialization, INITIALIZERS),
            ("--precision", self.precision, PRECISIONS),
        ):
            if value not in list(known):
                raise SettingError(f"{name} is {value!r}", "one of " + ", ".join(known))
        _ = self.optimizer  # made now, so that its settings are checked, too
        for name in ("learning_rate", "until"):  # a record holds no numbers of NumPy's
            if (number := getattr(self, name)) is not None:
                object.__setattr__(self, name, float(number))

    @property
    def dtype(self) -> str:
        """The type of the parameters: float32 also where products are rounded to bfloat16."""
        return "float32" if self.precision == "bfloat16" else self.precision

    @cached_property
    def optimizer(self) -> Optimizer:
        """The rule that the solver's name stands for."""
        rule = OPTIMIZERS[self.solver]
        given: Any = self.solver_settings  # from a record it may be anything
        known = [each.name for each in fields(rule)]
        if not isinstance(given, Mapping) or not set(given) <= set(known):
            got = f"the settings of the solver {self.solver} are {given!r}"
            raise SettingError(got, f"numbers named {', '.join(known)}" if known else "none")
        return rule(**given)

    def to_record(self) -> dict[str, Any]:
        """Write the settings as a JSON record; solver settings and extras only where there are any.

        A teacher is written as its digest.
        """
        elsewhere = ("solver_settings", "extras")
        record = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in elsewhere}
        if self.solver_settings:
            record["solver_settings"] = dict(self.solver_settings)
        for name in ("average", "warm_up"):
            if not record[name]:
                del record[name]
        if (teacher := self.extras.teacher) is not None:
            digest = digest_of_network(teacher.architecture, teacher.layers)
            record |= {"teacher": digest, "teacher_weight": teacher.weight, "temperature": teacher.temperature}
        extras = replace(self.extras, teacher=None)
        if extras != PLAIN:
            plain = asdict(PLAIN)
            record["extras"] = {name: value for name, value in asdict(extras).items() if value != plain[name]}
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Settings:
        """Read settings from a JSON record, ignoring what is not a setting. A teacher is more than a record can hold."""
        known = {setting.name: record[setting.name] for setting in fields(cls) if setting.name in record}
        if "extras" in known:
            known["extras"] = _extras(known["extras"])
        return cls(**known)


def _extras(record: Mapping[str, Any]) -> Extras:
    distortion = record.get("augmentation")
    for what, names, known in (("extras", record, Extras), ("augmentation", distortion or {}, Augmentation)):
        if unknown := sorted(set(names) - {each.name for each in fields(known)}):
            raise SettingError(f"the record of {what} holds {', '.join(unknown)}", "what this version knows")
    return Extras(**{**record, "augmentation": Augmentation(**distortion) if distortion else None})


def _whole_number(name: str, value: int, least: int, most: float = inf) -> None:
    if type(value) is not int or not least <= value <= most:
        bound = f"a whole number from {least} to {most:,}" if isfinite(most) else f"a whole number, at least {least}"
        raise SettingError(f"{name} is {value!r}", bound)
