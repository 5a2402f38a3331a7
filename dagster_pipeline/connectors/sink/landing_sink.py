"""What landing deliveries asks of a warehouse, beyond the contract of every sink."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from dagster_pipeline.connectors.batch import WriteReceipt
from dagster_pipeline.connectors.object_place import ObjectPlace
from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, SinkTable, WriteRequest


class LandingSink(BaseSinkConnector):
    """A warehouse that can add a staging table's rows to a table, and take one load's rows away again."""

    @abstractmethod
    def truncate(self, staging: SinkTable) -> None:
        """Empty a staging table, deduplication memory included."""

    @abstractmethod
    def absorb(self, table: SinkTable, staging: SinkTable, *, lock: Callable[[], None]) -> None:
        """Move all rows of `staging`, made by `create_like`, into `table`; each partition's become visible at once.

        May be repeated after it was killed anywhere: rows that had already arrived are not there twice. All rows of
        one `_version` must belong to this staging table. `lock` raises when the run has lost its right to the table.
        """

    @abstractmethod
    def remove_version(self, table: SinkTable, version: int) -> None:
        """Remove the rows of one `_version`; nothing happens when the table does not exist."""

    @abstractmethod
    def read_object(self, request: WriteRequest, place: ObjectPlace) -> WriteReceipt:
        """Let the warehouse read a Parquet object by itself into a staging table."""
