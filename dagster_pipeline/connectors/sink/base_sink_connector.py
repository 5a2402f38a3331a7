"""The contract of a sink: what the engine asks of any warehouse that it writes to.

What does not belong here: SQL, drivers, and anything about where the rows come from.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from dagster_pipeline.connectors.batch import Batch, Window, WireColumn, WireFormat, WriteReceipt
from dagster_pipeline.connectors.closing import Closing
from dagster_pipeline.schema.partition_cut import Replacing

VERSION_COLUMN = "_version"
DELETED_COLUMN = "_deleted"
SYNCED_AT_COLUMN = "_synced_at"
SYSTEM_COLUMNS = (VERSION_COLUMN, DELETED_COLUMN, SYNCED_AT_COLUMN)


@dataclass(frozen=True, slots=True)
class SinkColumn:
    """A column of the destination table: `type` in the sink's own words, e.g. `Nullable(Decimal(20, 4))`."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class SinkTable:
    """The destination table as its file wants it, our own columns not included.

    Attributes:
        database, name: where it stands.
        columns: the file's columns, in order.
        engine: engine name without arguments, e.g. `ReplacingMergeTree`.
        order_by: column names or expressions; empty means `tuple()`.
        partition_by: expression, empty for none.
        ttl: expression, empty for none.
        settings: engine settings.
        comment: the table's description.
        tracks_deletes: the table has `_deleted`.
        primary_key: the source's primary key in destination names.
        hides_deleted: a row whose `_deleted` is 1 is gone for a reader under FINAL; else it stays, marked.
        is_versioned: the table has `_version`, which tells newer states of a row from older ones.
        distributed: in a cluster a table that reads from all of it stands beside this one.
    """

    database: str
    name: str
    columns: tuple[SinkColumn, ...]
    engine: str
    order_by: tuple[str, ...]
    partition_by: str
    ttl: str
    settings: Mapping[str, str | int | float | bool]
    comment: str
    tracks_deletes: bool
    primary_key: tuple[str, ...]
    hides_deleted: bool = True
    is_versioned: bool = True
    distributed: bool = False

    @property
    def full_name(self) -> str:
        """`database.name`, for people; not quoted."""
        return f"{self.database}.{self.name}"

    @property
    def collapses_rereads(self) -> bool:
        """Writing a row again replaces it, so a chunk may be written twice."""
        return self.engine == "ReplacingMergeTree" and bool(self.primary_key)


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """How one chunk's batches are to be written.

    Attributes:
        table: the table to write into; its staging copy for a full load.
        columns: what the wire carries, in order.
        wire_format: how.
        version: goes into `_version` of every row.
        token: the chunk's identity: an atomic chunk that was already taken under this token is not taken again.
        atomic: all rows of the chunk become visible at once or not at all (per partition); needed where a
            second write would double them.
        query_comment: names table and run, for whoever watches the warehouse.
        partitions: how many of the warehouse's partitions the chunk may lie in, where that is known.
    """

    table: SinkTable
    columns: tuple[WireColumn, ...]
    wire_format: WireFormat
    version: int
    token: str
    atomic: bool = False
    query_comment: str = ""
    partitions: int = 0


@dataclass(frozen=True, slots=True)
class SliceRequest:
    """Rows of a staging table that are to take the place of a window's rows.

    Attributes:
        table, staging: where to, where from; alike but for their names.
        window: a span of time or listed values, of the partition column.
        how: the way that keeps each partition whole for a reader.
        rebuilt_name: name of a further table that may be needed, always the same for one load.
    """

    table: SinkTable
    staging: SinkTable
    window: Window
    how: Replacing
    rebuilt_name: str


class BaseSinkConnector(Closing):
    """One warehouse. `write` may be called from several threads at once.

    Every method raises `ConfigurationError`, `RetriableError`, `FatalError` or `DataQualityError`, never a driver's.
    """

    wire_formats: ClassVar[tuple[WireFormat, ...]]

    @abstractmethod
    def ensure_table(self, table: SinkTable) -> tuple[str, ...]:
        """Create the table, or add and safely widen columns; returns the statements that it ran.

        Raises `ConfigurationError` before changing anything when the existing table differs in what cannot be
        altered (engine, order key, partition key, a narrower type, a NOT NULL column that the file no longer has).
        """

    @abstractmethod
    def missing_columns(self, table: SinkTable) -> tuple[str, ...]:
        """Columns that `ensure_table` would add to a table that exists; nothing is changed.

        Raises `ConfigurationError` where `ensure_table` would.
        """

    @abstractmethod
    def planned_statements(self, table: SinkTable) -> tuple[str, ...]:
        """What `ensure_table` would run; raises as it does and changes nothing."""

    @abstractmethod
    def create_staging(self, table: SinkTable, staging_name: str) -> SinkTable:
        """An empty table like `table` beside it, or the one that already stands under that name, to resume."""

    @abstractmethod
    def create_like(self, table: SinkTable, name: str) -> SinkTable:
        """An empty table of the very structure that `table` has now, columns that its file dropped included.

        The one that already stands under that name is kept.
        """

    @abstractmethod
    def stagings(self, table: SinkTable) -> tuple[str, ...]:
        """Names of this table's staging tables that exist."""

    @abstractmethod
    def table_id(self, database: str, name: str) -> str:
        """An identity that stays with the data when tables exchange names; empty when the table does not exist."""

    @abstractmethod
    def swap(self, table: SinkTable, staging: SinkTable) -> None:
        """Put the staging table in the table's place, atomically, and drop what stood there before."""

    @abstractmethod
    def replace_slice(self, request: SliceRequest, *, lock: Callable[[], None]) -> None:
        """Put the staging table's rows in the place of the window's, each partition at once; may be repeated.

        `lock` raises when the run has lost its right to the rows.
        """

    @abstractmethod
    def count_slice(self, table: SinkTable, window: Window) -> int:
        """Rows of a partition window that a reader sees; 0 when the table does not exist."""

    @abstractmethod
    def drop(self, database: str, name: str) -> None:
        """Drop a table of ours; nothing happens when it does not exist."""

    @abstractmethod
    def highest_version(self, table: SinkTable) -> int:
        """The greatest `_version` in the table; 0 when it is empty or does not exist."""

    @abstractmethod
    def count_rows(self, table: SinkTable) -> int:
        """Rows that a reader sees: under FINAL where the engine collapses, without deleted ones.

        0 when the table does not exist.
        """

    def catch_up(self, table: SinkTable) -> None:
        """Return when whichever server answers next knows every acknowledged row of a table that exists.

        A warehouse of one server has nothing to do.
        """

    @abstractmethod
    def write(self, request: WriteRequest, batches: Iterable[Batch]) -> WriteReceipt:
        """Send all batches as one insert and return when the warehouse has acknowledged it.

        An error from `batches` itself passes through unchanged, and the insert is abandoned.
        """
