"""Brings rows that differ back to what the source has: loads them again by key, or marks them as deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.connectors.digest import KeySet
from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, SinkTable, WriteRequest
from dagster_pipeline.connectors.sink.comparable_sink import ComparableSink
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.reconcile.difference import Difference
from dagster_pipeline.type_mapper.mapping import ColumnMapping

KEYS_AT_ONCE = 500
"""Keys in one statement."""


@dataclass(frozen=True, kw_only=True)
class Reload:
    """Loads rows again.

    Attributes:
        version: above every version that the table has.
    """

    source: BaseSourceConnector
    sink: BaseSinkConnector
    table: SinkTable
    mappings: tuple[ColumnMapping, ...]
    window: Window
    version: int
    query_comment: str

    def __call__(self, differing: Sequence[Difference]) -> int:
        """Returns how many rows the warehouse took; one that vanished meanwhile is not among them."""
        return sum(self._load(keys) for keys in key_sets(self.table.primary_key, differing))

    def _load(self, keys: KeySet) -> int:
        read = ReadRequest(self.mappings, self.window, query_comment=self.query_comment, only=keys)
        write = WriteRequest(
            table=self.table,
            columns=self.source.wire_columns(self.mappings),
            wire_format=self.source.wire_format,
            version=self.version,
            token="",
            query_comment=self.query_comment,
        )
        with self.source.stream(read) as batches:
            return self.sink.write(write, batches).rows


def mark_deleted(
    sink: ComparableSink, table: SinkTable, vanished: Sequence[Difference], *, version: int
) -> int:
    """Mark rows that only the warehouse has; returns how many."""
    for keys in key_sets(table.primary_key, vanished):
        sink.mark_deleted(table, keys, version=version)
    return len(vanished)


def key_sets(columns: tuple[str, ...], differing: Sequence[Difference]) -> list[KeySet]:
    """The keys, in portions that a statement can hold."""
    keys = [difference.own_key for difference in differing]
    return [
        KeySet(columns, tuple(keys[start : start + KEYS_AT_ONCE]))
        for start in range(0, len(keys), KEYS_AT_ONCE)
    ]
