"""The scaling of examples that lie in shards: two looks at each, the second at how far they are from the mean of all."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.distributed.agreement import Agreement, standardization
from pellucid.distributed.host import Host, Shards
from pellucid.distributed.shards import Description, squares
from pellucid.equations.scaling import Scaling


def standardized(host: Host, parts: Shards, found: Sequence[Description], agreed: Agreement) -> Scaling:
    """Give the scaling to mean 0 and variance 1 over all shards; the one that changes nothing where no sums were asked for.

    Shards without rows have nothing to say. Sums are taken in the order of the shards. Raises what the tasks raise.
    """
    sums = [each.sums for each in found if each.sums is not None and each.rows]
    if not sums:
        return Scaling()
    mean = sum(sums[1:], sums[0]) / sum(agreed.weight)
    spread = [each for each, rows in zip(host.each(squares, parts, mean), agreed.rows, strict=True) if rows]
    return standardization(sum(agreed.weight), mean, sum(spread[1:], spread[0]))
