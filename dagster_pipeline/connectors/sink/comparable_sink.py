"""What reconciliation and the search for deleted rows ask of a warehouse, beyond the contract of every sink."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from dagster_pipeline.connectors.batch import KeyRange
from dagster_pipeline.connectors.digest import (
    Buckets,
    DigestRequest,
    KeySet,
    RangeChecksum,
    RangeDigest,
    RowDigest,
)
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable


class ComparableSink(ABC):
    """A warehouse that can say the same of what a reader sees of a table, and hide rows that are gone."""

    @abstractmethod
    def digests(
        self, table: SinkTable, request: DigestRequest, ranges: Sequence[KeyRange], checksum: RangeChecksum
    ) -> Sequence[RangeDigest]:
        """Rows and checksum of each range; one begins where the one before it ends, and the bounds are texts of the source."""

    @abstractmethod
    def bucket_digests(
        self, table: SinkTable, request: DigestRequest, key_range: KeyRange, buckets: Buckets
    ) -> Mapping[int, RangeDigest]:
        """The same for each bucket that has rows in the range."""

    @abstractmethod
    def row_digests(
        self,
        table: SinkTable,
        request: DigestRequest,
        key_range: KeyRange,
        buckets: Buckets | None = None,
    ) -> tuple[RowDigest, ...]:
        """Every row of the range, or of the chosen buckets; a key may come twice where the engine did not collapse it."""

    @abstractmethod
    def mark_deleted(self, table: SinkTable, keys: KeySet, *, version: int) -> None:
        """Write these rows again with `_deleted` set. Raises `ConfigurationError` when the table does not track deletes."""
