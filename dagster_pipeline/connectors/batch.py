"""What flows between a source and a sink: plain frozen values, no driver, no SQL of either side's own.

A source reads a `ReadRequest` and yields `Batch`es of bytes in a wire format that the sink understands too, so rows
never become Python objects on the way. Values of keys and cursors travel as the source's own canonical text
(`str`): only the source ever compares them, so no ordering rule is written twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NOTHING_COERCED: Mapping[str, int] = {}


class WireFormat(StrEnum):
    """Formats that bytes can travel in, by ClickHouse's names (clickhouse.com/docs/interfaces/formats)."""

    TAB_SEPARATED = "TabSeparated"
    ARROW_STREAM = "ArrowStream"


@dataclass(frozen=True, slots=True)
class WireColumn:
    """One column of a batch, in order.

    Attributes:
        name: the destination column's name.
        wire_type: the ClickHouse type that the sink parses from the wire, e.g. `Nullable(String)`.
        load: ClickHouse expression from the parsed value to the stored one, with `{column}` for the value.
    """

    name: str
    wire_type: str
    load: str = "{column}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows as bytes.

    Batches of one stream, joined in order, are one valid document in the stream's wire format.

    Attributes:
        payload: the bytes.
        rows: how many rows they hold.
        coerced: rows changed by policy, by column name; nearly always empty.
        set_aside: rows that were left out, since they cannot be represented; not among `rows`.
        set_aside_by: the same by column name; a row can be at fault in several.
    """

    payload: bytes
    rows: int
    coerced: Mapping[str, int] = field(default_factory=lambda: NOTHING_COERCED)
    set_aside: int = 0
    set_aside_by: Mapping[str, int] = field(default_factory=lambda: NOTHING_COERCED)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A half-open range of a key: `lower < key <= upper`; `None` is open on that side.

    A composite key compares as a row value, in the order of `columns`. Rows whose (single) column is NULL belong to the
    range that is open below.

    Attributes:
        columns: source column names; empty means the whole table.
        lower, upper: canonical text per column, as the source prints it.
    """

    columns: tuple[str, ...] = ()
    lower: tuple[str, ...] | None = None
    upper: tuple[str, ...] | None = None


WHOLE_TABLE = KeyRange()


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of a table one load concerns, by its cursor or by the column that cuts it into partitions.

    Attributes:
        cursor: source column name; `None` for a full load.
        lower: canonical text; `None` is open.
        lower_inclusive: ties of the last value are read again (incremental), or not (append).
        upper: canonical text; `None` is open.
        upper_inclusive: the upper value itself belongs to the window (cursors), or not (partitions by time).
        include_nulls: rows whose cursor is NULL belong to the window.
        lookback_seconds: read this much before `lower`; temporal cursors only.
        values: only rows whose value is one of these, byte for byte (partitions by value); empty asks nothing.
        all_but_values: turns `values` round: only rows whose value is none of them.
    """

    cursor: str | None = None
    lower: str | None = None
    lower_inclusive: bool = True
    upper: str | None = None
    include_nulls: bool = False
    lookback_seconds: int = 0
    upper_inclusive: bool = True
    values: tuple[str, ...] = ()
    all_but_values: bool = False


EVERYTHING = Window()


@dataclass(frozen=True, slots=True)
class SourceBounds:
    """What the source said about a cursor before anything was read.

    Attributes:
        newest: the greatest cursor value that is visible; `None` when no row has one.
        settled: no row with a cursor up to and including this can still appear, as far as the source can tell;
            `None` when it cannot tell just now. The cursor never advances beyond it.
        null_rows: rows whose cursor is NULL; counted only when asked for, else 0.
        rows_at_most: no more rows than this lie in the window that begins at the floor, less the file's lookback; known
            only where the source has to read the whole table for its answer anyway, else `None`.
        notes: sentences for the run's log: what holds `settled` back, which grant is missing.
    """

    newest: str | None
    settled: str | None
    null_rows: int = 0
    notes: tuple[str, ...] = ()
    rows_at_most: int | None = None


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column as the source's catalog has it: `type` is the catalog's own spelling, e.g. `bigint(20) unsigned`."""

    name: str
    type: str
    nullable: bool
    comment: str = ""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """What the source's catalog says of a table.

    Attributes:
        name: as a person would write it, e.g. `fma.public.premises`.
        columns: in the source's order; invisible and generated ones too.
        primary_key: column names in key order; empty when there is none.
        estimated_rows: the catalog's estimate, 0 when unknown.
        estimated_bytes_per_row: the catalog's estimate, 0 when unknown.
        index_heads: columns that an index begins with; `None` where the source does not tell.
    """

    name: str
    columns: tuple[SourceColumn, ...]
    primary_key: tuple[str, ...]
    estimated_rows: int
    estimated_bytes_per_row: int
    index_heads: frozenset[str] | None = None

    def finds_by(self, column: str) -> bool:
        """A range of the column is found without reading the whole table, as far as is known."""
        return self.index_heads is None or column in self.index_heads


@dataclass(frozen=True, slots=True)
class WriteReceipt:
    """What the sink acknowledged.

    Attributes:
        rows: rows that it took.
        bytes: payload bytes that it was sent.
        seconds: wall time of the write.
        query_id: the warehouse's own name for the statement; empty when it has none.
    """

    rows: int
    bytes: int
    seconds: float
    query_id: str = ""
