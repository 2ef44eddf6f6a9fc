"""Who computes: engines that all speak the protocol of ``engine.py``, chosen by name."""

from __future__ import annotations

from pellucid.engines.choice import Candidate, Choice, available, candidates, choose, why_no_native_engine
from pellucid.engines.engine import (
    Engine,
    Outcome,
    Packed,
    State,
    StoppedError,
    check_precision,
    name_of,
    steps_of_an_epoch,
)
from pellucid.engines.reference import ReferenceEngine

__all__ = [
    "Candidate",
    "Choice",
    "Engine",
    "Outcome",
    "Packed",
    "ReferenceEngine",
    "State",
    "StoppedError",
    "available",
    "candidates",
    "check_precision",
    "choose",
    "name_of",
    "steps_of_an_epoch",
    "why_no_native_engine",
]
