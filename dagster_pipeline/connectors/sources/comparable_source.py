"""What reconciliation and the search for deleted rows ask of a source, beyond the contract of every source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from dagster_pipeline.connectors.batch import KeyRange
from dagster_pipeline.connectors.digest import Buckets, DigestRequest, RangeChecksum, RangeDigest, RowDigest


class ComparableSource(ABC):
    """A source that can say what a range of its rows looks like. Raises as every source does."""

    @property
    @abstractmethod
    def range_checksum(self) -> RangeChecksum:
        """What `digest` computes."""

    @abstractmethod
    def digest(self, request: DigestRequest, key_range: KeyRange) -> RangeDigest:
        """Rows and checksum of a range."""

    @abstractmethod
    def bucket_digests(
        self, request: DigestRequest, key_range: KeyRange, buckets: Buckets
    ) -> Mapping[int, RangeDigest]:
        """The same for each bucket that has rows in the range."""

    @abstractmethod
    def row_digests(
        self, request: DigestRequest, key_range: KeyRange, buckets: Buckets | None = None
    ) -> tuple[RowDigest, ...]:
        """Every row of the range, or of the chosen buckets in it. All of them are in memory: ask for few."""
