"""The font that formulas are set in: without one that knows mathematics, a browser leaves subscripts on the line.

STIX Two Math (SIL Open Font License, ``math.LICENSE.txt``), cut with fonttools to the signs of our formulas.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from importlib.resources import files


@cache
def content() -> bytes:
    """Read the font, a WOFF2 file."""
    return files("pellucid.explain").joinpath("math.woff2").read_bytes()


@cache
def style() -> str:
    """Write the font into a style, for a page that is a file of its own: it needs ``font-src data:``."""
    address = f"data:font/woff2;base64,{b64encode(content()).decode()}"
    return (
        f'@font-face {{ font-family: "Pellucid Math"; src: url("{address}") format("woff2"); font-display: block; }}\n'
        'math { font-family: "Pellucid Math", math; }'
    )
