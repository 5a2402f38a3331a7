"""What flows when two databases are compared without moving rows: digests of key ranges, and of single rows.

A row's digest is the first 64 bits of the SHA-256 of its columns' canonical texts (`type_mapper/canonical_text`), joined
by character 31. SHA-256 is there in every database without an extension, also where MD5 is forbidden, and costs no more
there (docs/data-quality.md has the numbers).

A range's digest is the number of its rows and a checksum of 64 bits (`RangeChecksum`). Two ranges that differ have the same
digest with a probability of 2^-64, about 5e-20: of a table of 165 ranges that all differ, one is missed in 10^17 runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dagster_pipeline.connectors.batch import EVERYTHING, Window
from dagster_pipeline.type_mapper.canonical_text import CanonicalColumn
from dagster_pipeline.type_mapper.mapping import ColumnMapping

DIGEST_BITS = 64
LONGEST_PLAIN_ROW = 1_024
"""Bytes of a row's text; a longer one counts by its SHA-256, so that no range's text takes more memory than its rows allow."""
BUCKET_BITS = 16


class RangeChecksum(Enum):
    """How the rows of a range become one number; whichever costs the source less (measured).

    Attributes:
        XOR_OF_ROWS: the XOR of the rows' digests, in any order. Rows of a table with a key are never equal, so none
            cancels another.
        HASH_OF_TEXTS: the first 64 bits of the SHA-256 of all rows' texts in the order of the key, joined by character
            28. One call for a range in place of several for a row; a wrong order would look like a difference, and the
            digests of single rows would say that there is none.
    """

    XOR_OF_ROWS = 1
    HASH_OF_TEXTS = 2


@dataclass(frozen=True, slots=True)
class DigestRequest:
    """What is compared.

    Attributes:
        columns: what goes into a row's digest, in order.
        key: columns of the primary key, in order; they are part of `columns`.
        mappings: of these columns, for what must run in the session before (keyed masks).
        window: rows at the source that the warehouse is to have.
        settled: rows at the source whose cursor lies beyond it have changed since the last load; `EVERYTHING` when that
            cannot be said.
        query_comment: names table and run.
    """

    columns: tuple[CanonicalColumn, ...]
    key: tuple[CanonicalColumn, ...]
    mappings: tuple[ColumnMapping, ...]
    window: Window = EVERYTHING
    settled: Window = EVERYTHING
    query_comment: str = ""


@dataclass(frozen=True, slots=True)
class RangeDigest:
    """Many rows in two numbers; those of `XOR_OF_ROWS` add with `+`.

    Attributes:
        rows: how many.
        checksum: as the source's `RangeChecksum` says, unsigned.
    """

    rows: int = 0
    checksum: int = 0

    def __add__(self, other: RangeDigest) -> RangeDigest:
        return RangeDigest(self.rows + other.rows, self.checksum ^ other.checksum)


@dataclass(frozen=True, slots=True)
class RowDigest:
    """One row.

    Attributes:
        key: canonical texts; the same on both sides for the same key.
        own_key: as the side's own literals are written from.
        checksum: the row's digest, unsigned.
        pending: the row has changed since the last load (source only).
    """

    key: tuple[str, ...]
    own_key: tuple[str, ...]
    checksum: int
    pending: bool = False


@dataclass(frozen=True, slots=True)
class KeySet:
    """Some rows by their keys.

    Attributes:
        columns: the key's columns.
        keys: one tuple of texts per row, as `RowDigest.own_key` has them.
    """

    columns: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Buckets:
    """Rows by the first 16 bits of their key's own digest: for keys that the two databases sort differently.

    Attributes:
        count: how many there are, a power of two up to 65,536.
        chosen: which of them; empty for all.
    """

    count: int
    chosen: tuple[int, ...] = ()


def unsigned(number: object) -> int:
    """A 64-bit number as every database means it, whether or not it has unsigned ones."""
    return int(str(number)) % (1 << DIGEST_BITS)
