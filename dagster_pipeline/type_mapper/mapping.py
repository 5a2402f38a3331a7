"""The values that the type mapper produces: how one column is read at the source and stored in ClickHouse.

Frozen data only; the rules that produce it stand in one module per source dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import WireColumn

LOAD_SETTINGS: Mapping[str, str | int] = {
    "insert_null_as_default": 0,
    "input_format_null_as_default": 0,
    "precise_float_parsing": 1,
    "date_time_input_format": "basic",
}
"""ClickHouse settings that every insert of mapped columns needs, whatever the server's defaults are.

The first two make a NULL in a NOT NULL column an error (code 349, which names the column) instead of 0 or ''. The
third reads a float's text to the nearest value; without it, half of all 17-digit numbers are off by the last bit.
"""


_NULLABLE = ("Nullable(", "LowCardinality(Nullable(")


@dataclass(frozen=True, slots=True)
class Guard:
    """Marks the values of a column that the ClickHouse type cannot hold, in SQL of the source with `{column}` in it.

    Attributes:
        violated: predicate that is true for a value that does not fit; false or NULL for all others.
        replacement: what is read in place of such a value, as the table's policy wants it: NULL or the nearest value.
            Under `out_of_range: fail` it only has to be readable, since the run stops.
        reason: for people, e.g. `outside 1900-01-01 to 2299-12-31`.
        span: first and last text that fit, when a reader can tell the others by itself: of a day or moment those beyond,
            of a decimal also those with more digits than the stored type.
    """

    violated: str
    replacement: str
    reason: str
    span: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How one column travels.

    Attributes:
        source_name: the column's name at the source.
        name: the column's name in ClickHouse.
        clickhouse_type: the stored type, `Nullable(...)` and `LowCardinality(...)` included.
        read: SQL of the source with `{column}` for the quoted column: what to select so that nothing is lost.
        wire_type: ClickHouse type to parse from the wire.
        load: ClickHouse expression with `{column}`: from the parsed value to the stored one.
        guard: `None` when every value that the source type can hold fits.
        fails_out_of_range: a value that violates the guard is never stored (`out_of_range: fail`): it stops the run,
            or its row is set aside.
        sets_aside: the row of such a value is left out and goes into quarantine (`on_bad_row: quarantine`).
        never_null: the source has no NULL in this column.
        comment: the column's description.
    """

    source_name: str
    name: str
    clickhouse_type: str
    read: str = "{column}"
    wire_type: str = ""
    load: str = "{column}"
    guard: Guard | None = None
    fails_out_of_range: bool = True
    sets_aside: bool = False
    never_null: bool = False
    comment: str = ""

    @property
    def holds_null(self) -> bool:
        """The stored type has a NULL."""
        return self.clickhouse_type.startswith(_NULLABLE)

    @property
    def has_no_null(self) -> bool:
        """The column is read and stored without a NULL; what the source may yet hold is not set aside either."""
        return self.never_null and not self.sets_aside and not self.holds_null

    @property
    def wire_column(self) -> WireColumn:
        """The column as the sink sees it on the wire."""
        return WireColumn(name=self.name, wire_type=self.wire_type or self.clickhouse_type, load=self.load)
