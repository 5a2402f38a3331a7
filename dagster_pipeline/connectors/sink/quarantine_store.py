"""What quarantine asks of a warehouse: where the values stand that a load could not represent, and how they leave again.

An entry is one value: of a row, in a column. It is open until the row has arrived, has vanished at the source, or the
table was loaded anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.type_mapper.canonical_text import CanonicalColumn

QUARANTINE_MARK = "__quarantine"


def quarantine_table(table: SinkTable) -> SinkTable:
    """The table beside `table` that holds its entries; an entry is replaced by a newer one of the same value."""
    return SinkTable(
        database=table.database,
        name=f"{table.name}{QUARANTINE_MARK}",
        columns=(
            SinkColumn(
                "key_digest", "UInt64", "Of the primary key, in the text that both databases write alike."
            ),
            SinkColumn("key", "Array(String)", "The primary key, as the source prints it."),
            SinkColumn("column", "String", "The column whose value cannot be represented."),
            SinkColumn("value", "Nullable(String)", "The value, as the source prints it."),
            SinkColumn("reason", "String", "What is wrong with it."),
            SinkColumn("run_id", "String", "The run that found it."),
            SinkColumn("load_id", "String", "The load that left the row out."),
        ),
        engine="ReplacingMergeTree",
        order_by=("key_digest", "key", "column"),
        partition_by="",
        ttl="",
        settings={},
        comment=f"Rows that could not be represented in {table.name}; see docs/data-quality.md.",
        tracks_deletes=True,
        primary_key=("key", "column"),
    )


@dataclass(frozen=True, slots=True)
class InQuarantine:
    """How much is open: rows, and rows by column at fault."""

    rows: int = 0
    by_column: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One open entry, as people see it: `at` is when it was written, in UTC."""

    key: tuple[str, ...]
    column: str
    value: str | None
    reason: str
    run_id: str
    at: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that is set aside."""

    digest: int
    key: tuple[str, ...]


class QuarantineStore(ABC):
    """The entries of one table. Raises as every sink does; all but `ensure` do nothing where there is no such table."""

    table: SinkTable

    @abstractmethod
    def ensure(self) -> None:
        """Make the table that holds the entries."""

    @abstractmethod
    def counted(self) -> InQuarantine:
        """What is open."""

    @abstractmethod
    def entries(self, limit: int) -> tuple[Entry, ...]:
        """The newest open entries."""

    @abstractmethod
    def rows(self, portion: int) -> Iterator[Sequence[SetAside]]:
        """Every row that has an open entry, in portions."""

    @abstractmethod
    def close_arrived(self, key: Sequence[CanonicalColumn], *, version: int) -> None:
        """Close the entries of rows of which the table now has a newer state; `key` is its primary key."""

    @abstractmethod
    def close_other_loads(self, load_id: str, *, version: int) -> None:
        """Close the entries of every load but this one."""

    @abstractmethod
    def close_older(self, digests: Sequence[int], *, version: int) -> None:
        """Close the entries of these rows that were written before `version`."""


class QuarantiningSink(ABC):
    """A warehouse that can keep rows which a table could not take."""

    @abstractmethod
    def quarantine_of(self, table: SinkTable) -> QuarantineStore:
        """The entries of a table."""
