"""Entries of quarantine in ClickHouse: a table that collapses by row and column, in which a closed entry is hidden by FINAL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dagster_pipeline.connectors.sink.base_sink_connector import DELETED_COLUMN, VERSION_COLUMN, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.connectors.sink.clickhouse.digests import row_digest
from dagster_pipeline.connectors.sink.clickhouse.reader_view import READER_SETTINGS
from dagster_pipeline.connectors.sink.quarantine_store import Entry, InQuarantine, QuarantineStore, SetAside
from dagster_pipeline.type_mapper.canonical_text import CanonicalColumn

Rows = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True, kw_only=True)
class ClickHouseQuarantine(QuarantineStore):
    """The entries of `loaded`, kept in `table`.

    Attributes:
        make: makes the table.
        exists: it is there.
        rows, run: ask and change.
    """

    loaded: SinkTable
    table: SinkTable
    make: Callable[[SinkTable], object]
    exists: Callable[[], bool]
    rows_of: Rows
    run: Callable[[str], None]

    def ensure(self) -> None:
        """CREATE TABLE IF NOT EXISTS."""
        self.make(self.table)

    def counted(self) -> InQuarantine:
        """Rows, each once, and rows by column."""
        if not self.exists():
            return InQuarantine()
        ((rows,),) = self.rows_of(f"SELECT uniqExact(key_digest) FROM {self._open}")
        by_column = self.rows_of(f"SELECT column, count() FROM {self._open} GROUP BY column ORDER BY column")
        return InQuarantine(int(rows), {str(name): int(count) for name, count in by_column})

    def entries(self, limit: int) -> tuple[Entry, ...]:
        """By the time they were written, newest first."""
        if not self.exists():
            return ()
        found = self.rows_of(
            f"SELECT key, column, value, reason, run_id, toString(_synced_at) FROM {self._open} "
            f"ORDER BY _synced_at DESC, key, column LIMIT {int(limit)}"
        )
        return tuple(
            Entry(tuple(key), column, value, reason, run_id, at)
            for key, column, value, reason, run_id, at in found
        )

    def rows(self, portion: int) -> Iterator[Sequence[SetAside]]:
        """In order of their digests, so that each portion begins where the last one ended."""
        after = "" if self.exists() else None
        while after is not None:
            found = self.rows_of(
                f"SELECT key_digest, any(key) FROM {self._open} {after} "
                f"GROUP BY key_digest ORDER BY key_digest LIMIT {int(portion)}"
            )
            if found:
                yield [SetAside(int(digest), tuple(key)) for digest, key in found]
            after = f"WHERE key_digest > {int(found[-1][0])}" if len(found) == portion else None

    def close_arrived(self, key: Sequence[CanonicalColumn], *, version: int) -> None:
        """Only rows that are newer than the oldest entry are looked at."""
        oldest = f"(SELECT min({VERSION_COLUMN}) FROM {self._open})"
        digest = row_digest(key)
        arrived = (
            f"SELECT {digest} AS key_digest, max({VERSION_COLUMN}) AS newest "
            f"FROM {quote_table(self.loaded.database, self.loaded.name)} "
            f"WHERE {VERSION_COLUMN} > {oldest} AND {digest} IN (SELECT key_digest FROM {self._open}) GROUP BY key_digest"
        )
        self._close(
            f"{self._open} INNER JOIN ({arrived}) arrived USING (key_digest) WHERE arrived.newest > {VERSION_COLUMN}",
            version,
        )

    def close_other_loads(self, load_id: str, *, version: int) -> None:
        """By the load that wrote the entry."""
        self._close(f"{self._open} WHERE load_id != {quote_string(load_id)}", version)

    def close_older(self, digests: Sequence[int], *, version: int) -> None:
        """By digest and version."""
        listed = ", ".join(str(int(digest)) for digest in digests)
        self._close(
            f"{self._open} WHERE key_digest IN ({listed}) AND {VERSION_COLUMN} < {int(version)}", version
        )

    @property
    def _open(self) -> str:
        return f"{quote_table(self.table.database, self.table.name)} FINAL"

    def _close(self, chosen: str, version: int) -> None:
        """Write the entries once more, as gone."""
        if not self.exists() or not self.rows_of(f"SELECT 1 FROM {self._open} LIMIT 1"):
            return
        columns = ", ".join(quote_identifier(column.name) for column in self.table.columns)
        into = f"{columns}, {VERSION_COLUMN}, {DELETED_COLUMN}"
        target = quote_table(self.table.database, self.table.name)
        self.run(
            f"INSERT INTO {target} ({into}) SELECT {columns}, {int(version)}, 1 FROM {chosen} {READER_SETTINGS}"
        )
