"""Ids of tests are plain: the same in every process and on every machine, and readable in a report.

Workers collect on their own and must find the very same ids. A parametrized value without an id of its own becomes a part of
it, and so do the bytes of a file that holds the time, or the address of an object.
"""

from __future__ import annotations

import re
import tempfile
import time
from functools import cache
from pathlib import Path

LONGEST = 200
A_DAY = 86_400

_UNPRINTABLE = re.compile(r"(?<!\\)(?:\\\\)*\\x(?:[01]|7f|[89])")
"""A control character as pytest spells it; bytes of a compressed file begin with one. Line feeds and tabs have short forms."""
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")
_SECONDS = re.compile(r"(?<!\d)\d{10}(?!\d)")


def refused(node_id: str) -> str:
    """What is wrong with an id, and the cure; empty when it is plain. Only the parameters, in brackets, are judged."""
    test, _, parameters = node_id.partition("[")
    fault = _fault(parameters.removesuffix("]"))
    return fault and f"The id of {test}[...] {fault}. Give the parameters ids: pytest.param(..., id=...)."


def _fault(parameters: str) -> str:
    if len(parameters) > LONGEST:
        return f"has {len(parameters)} characters, more than {LONGEST}"
    if _UNPRINTABLE.search(parameters):
        return "holds control characters, perhaps bytes that change"
    if _ADDRESS.search(parameters):
        return "holds the address of an object, which is another one in every process"
    if any(re.search(rf"(?<!\w){re.escape(place)}(?!\w)", parameters) for place in _places()):
        return "holds a directory of this machine"
    if any(abs(int(number) - time.time()) < A_DAY for number in _SECONDS.findall(parameters)):
        return "holds the present time"
    return ""


@cache
def _places() -> frozenset[str]:
    """Directories that have other names elsewhere."""
    places = (tempfile.gettempdir(), str(Path.home()), str(Path.cwd()))
    return frozenset(place for place in places if len(place) > 1)
