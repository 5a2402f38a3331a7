"""What a comparison finds, as values that add up. Constant in size but for the keys that differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a row differs."""

    MISSING = "missing"
    """The source has it, the warehouse does not."""
    EXTRA = "extra"
    """The warehouse has it, the source does not."""
    DIFFERENT = "different"
    """Both have the key, with other values; or the warehouse has the key more than once."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row.

    Attributes:
        key: canonical texts.
        own_key: as literals of the side that has the row are written from; the source's where both have it.
        pending: the row changed at the source after the last load, so the next load brings it.
    """

    kind: Kind
    key: tuple[str, ...]
    own_key: tuple[str, ...]
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """One part of the table after its comparison.

    Attributes:
        source_rows, warehouse_rows: how many rows each side has in it.
        reread_rows: rows that were read a second time, since the part's digests were not equal.
        differences: every row that differs.
    """

    source_rows: int
    warehouse_rows: int
    reread_rows: int = 0
    differences: tuple[Difference, ...] = ()
