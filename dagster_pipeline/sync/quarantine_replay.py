"""Loads rows of quarantine again, once the file or the source was mended: by their keys, under the table's lock.

A row that arrives now leaves quarantine, as does one that is gone at the source. One that still cannot be represented stays,
with what is wrong with it now. Every step may be done again: rows replace rows, and entries replace entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dagster_pipeline.connectors.batch import EVERYTHING
from dagster_pipeline.connectors.digest import KeySet
from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, SinkTable, WriteRequest
from dagster_pipeline.connectors.sink.quarantine_store import SetAside
from dagster_pipeline.connectors.sources.bad_rows import NULL_KEY
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.base_state_store import BaseStateStore, TableLock
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.sync.drift import Agreement, agree
from dagster_pipeline.sync.quarantine import Quarantine, quarantine_of
from dagster_pipeline.sync.version import greatest_version
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

ROWS_AT_ONCE = 500
"""Keys in one statement."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did, in rows.

    Attributes:
        tried: rows that were set aside.
        loaded: rows that arrived.
        gone: rows that the source no longer has.
        still_bad: rows that stay, and by column.
        unnamed: rows whose key cannot be asked for, since it holds NULL; only a full refresh brings them.
    """

    tried: int = 0
    loaded: int = 0
    still_bad: int = 0
    unnamed: int = 0
    still_bad_by: Mapping[str, int] = field(default_factory=dict)

    @property
    def gone(self) -> int:
        """Rows that were neither found good nor bad."""
        return self.tried - self.loaded - self.still_bad - self.unnamed

    def __add__(self, other: Replayed) -> Replayed:
        return Replayed(
            self.tried + other.tried,
            self.loaded + other.loaded,
            self.still_bad + other.still_bad,
            self.unnamed + other.unnamed,
            dict(Counter(self.still_bad_by) + Counter(other.still_bad_by)),
        )


def replay(
    schema: TableSchema,
    *,
    source: BaseSourceConnector,
    sink: BaseSinkConnector,
    state: BaseStateStore,
    run_id: str,
) -> Replayed:
    """Try every row of a table's quarantine once.

    Raises `ConfigurationError` when the file wants no quarantine, or the table cannot be altered to what it wants now;
    other `PipelineError`s as a load does. What was loaded until then stays.
    """
    with state.lock(schema.name, owner=run_id) as lock:
        agreement = agree(schema, source.describe(), TypeMapper())
        table = sink_table(agreement.schema, agreement.mappings)
        quarantine = quarantine_of(
            agreement.schema, table, agreement.mappings, source=source, sink=sink, run_id=run_id
        )
        if quarantine is None:
            raise ConfigurationError(
                f"{schema.name} has no quarantine: its file says on_bad_row: fail.",
                todo="Write on_bad_row: quarantine while rows are replayed, or load the table in full.",
            )
        sink.ensure_table(table)
        above = greatest_version(state.read(schema.name), sink, table)
        version = state.next_version(schema.name, above=above)
        portions = _Portions(source, sink, table, agreement, quarantine, version, lock, f"replay {run_id}")
        done = Replayed()
        for rows in quarantine.store.rows(ROWS_AT_ONCE):
            done += portions.replay(rows)
    return done


@dataclass(frozen=True)
class _Portions:
    source: BaseSourceConnector
    sink: BaseSinkConnector
    table: SinkTable
    agreement: Agreement
    quarantine: Quarantine
    version: int
    lock: TableLock
    load_id: str

    def replay(self, rows: Sequence[SetAside]) -> Replayed:
        """Read, write, write down what is still bad, and only then close what is older."""
        columns = self.table.primary_key
        named = [row for row in rows if len(row.key) == len(columns) and NULL_KEY not in row.key]
        if not named:
            return Replayed(tried=len(rows), unnamed=len(rows))
        self.lock.assert_held()
        mappings = self.agreement.mappings
        comment = f"dagster_pipeline table={self.agreement.schema.name} {self.load_id}"
        only = KeySet(columns, tuple(row.key for row in named))
        read = ReadRequest(mappings, EVERYTHING, query_comment=comment, only=only)
        write = WriteRequest(
            table=self.table,
            columns=self.source.wire_columns(mappings),
            wire_format=self.source.wire_format,
            version=self.version,
            token="",
            query_comment=comment,
        )
        bad, bad_by = 0, Counter[str]()
        with self.source.stream(read) as batches:
            kept = list(batches)  # of at most `ROWS_AT_ONCE` rows
        for batch in kept:
            bad += batch.set_aside
            bad_by.update(batch.set_aside_by)
        loaded = self.sink.write(write, kept).rows
        if bad:
            self.quarantine.keep(read, bad_by, load_id=self.load_id, version=self.version)
        self.lock.assert_held()
        self.quarantine.store.close_older([row.digest for row in named], version=self.version)
        return Replayed(len(rows), loaded, bad, len(rows) - len(named), dict(bad_by))
