"""What has to be known of a scorer: whether it takes weights, and by what one is told from another."""

from __future__ import annotations

import hashlib
import inspect
import re
from types import CodeType
from typing import Any


def takes_weights(scorer: Any) -> bool:
    """Say whether a scorer, or the measure that scikit-learn made one of, takes ``sample_weight``.

    >>> from sklearn.metrics import get_scorer
    >>> takes_weights(get_scorer("f1_macro")), takes_weights(lambda estimator, X, y: 0.0)
    (True, False)
    """
    try:
        parameters = inspect.signature(getattr(scorer, "_score_func", scorer)).parameters.values()
    except (TypeError, ValueError):  # what is not written in Python need not say
        return False
    return any(each.name == "sample_weight" or each.kind is each.VAR_KEYWORD for each in parameters)


def name_of_scorer(scoring: Any) -> str | None:
    """Give what a scorer is told from others by, in any process: its name, its settings, and what its function does.

    >>> from sklearn.metrics import make_scorer, recall_score
    >>> name_of_scorer(make_scorer(recall_score, average="micro")).split(" of ")[0]
    "make_scorer(recall_score, response_method='predict', average=micro)"
    """
    if scoring is None or isinstance(scoring, str):
        return scoring
    function = getattr(scoring, "_score_func", scoring)
    name = repr(scoring) if function is not scoring else getattr(scoring, "__qualname__", repr(scoring))
    name = re.sub(r" at 0x[0-9a-fA-F]+", "", name)  # where something lies is another place in each process
    code = getattr(function, "__code__", None)
    return name if code is None else f"{name} of {_digest_of(code)}"


def _digest_of(code: CodeType) -> str:
    digest = hashlib.sha256(code.co_code + repr(code.co_names).encode())
    for constant in code.co_consts:
        is_code = isinstance(constant, CodeType)
        digest.update((_digest_of(constant) if is_code else repr(constant)).encode())
    return digest.hexdigest()[:12]
