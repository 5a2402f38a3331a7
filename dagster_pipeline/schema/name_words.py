"""How names of columns are read, whatever their spelling."""

from __future__ import annotations

import re


def folded(name: str) -> str:
    """`updatedAt` and `UPDATED-AT` as `updated_at`: lower case, words joined by `_`."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())
