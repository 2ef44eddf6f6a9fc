"""The models that come with the package, each a file beside this one.

``mnist`` reads handwritten digits. It is the recipe ``best`` with seed 0, trained by the target ``native:avx2``, and is
rebuilt to the bit by ``make bundled``; ``pellucid info mnist`` tells what is in it.
"""

from __future__ import annotations

from pathlib import Path


def bundled(name: str) -> Path | None:
    """Find the file of a bundled model, or give None where there is none of that name.

    >>> bundled("mnist").name, bundled("cats")
    ('mnist.safetensors', None)
    """
    return {path.stem: path for path in Path(__file__).parent.glob("*.safetensors")}.get(name)
