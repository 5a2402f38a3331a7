"""The contract of an export sink: rows of the warehouse leave it as one whole that readers see at once, or not at all.

An export is staged, then published. `stage` writes where no reader looks and may be repeated from its beginning; `publish`
makes visible what was staged, and repeated under the same name it changes nothing. So a run that was killed anywhere is
finished by the next one: `exports/exporting.py` keeps in the state store which of the two is done.

What does not belong here: where the rows come from, and ClickHouse's SQL.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from dagster_pipeline.connectors.closing import Closing
from dagster_pipeline.schema.export_mode import ExportMode
from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = (
    "GONE_COLUMN",
    "BaseExportSink",
    "Export",
    "ExportColumn",
    "ExportMode",
    "Published",
    "Slicing",
    "Staged",
)

GONE_COLUMN = "_deleted"
"""In an export that carries deletions: 1 in a row that the destination is to lose. It is not stored."""


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """One column of the exported rows: `type` is ClickHouse's, by which the sink decides how it stores the value."""

    name: str
    type: ClickHouseType
    description: str = ""


@dataclass(frozen=True, slots=True)
class Slicing:
    """How a sink that cannot change single rows cuts its rows: by a date or time column, in UTC."""

    column: str
    every: Literal["day", "month"]


@dataclass(frozen=True, slots=True)
class Export:
    """One export.

    Attributes:
        load_id: its name: 12 lower-case letters and digits, the same when a later run finishes it.
        columns: in order, `GONE_COLUMN` not among them.
        mode: what becomes of the rows that stand there.
        key: columns that tell rows apart; never empty for `MERGE`.
        carries_deletions: batches have `GONE_COLUMN` as their last column; only for `MERGE`.
        description: of the destination, for its comment.
        comment: names export and run, for whoever watches the destination.
        slices: only for `MERGE` into a sink with `slicing`: the first days of the slices that are exchanged, each of them
            given in full. A slice of which no row comes is gone; `None` among them is that of rows without a value.
    """

    load_id: str
    columns: tuple[ExportColumn, ...]
    mode: ExportMode
    key: tuple[str, ...] = ()
    carries_deletions: bool = False
    description: str = ""
    comment: str = ""
    slices: tuple[date | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """What `stage` left.

    Attributes:
        rows: all of them are there.
        bytes: as the destination took them.
    """

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Published:
    """What readers see now.

    Attributes:
        place: for people and for the run's metadata, e.g. `s3://lake/accounts/` or `reporting.public.accounts`.
        rows: in the destination after it, `None` where that is not known cheaply.
    """

    place: str
    rows: int | None = None


class BaseExportSink(Closing):
    """One destination of one file. Nothing is connected before the first call; used by one thread.

    Every method raises `ConfigurationError`, `RetriableError`, `FatalError` or `DataQualityError`, never a driver's.
    """

    @property
    def slicing(self) -> Slicing | None:
        """Rows come in the order of these slices, and a merge exchanges whole ones; `None` merges row by row."""
        return None

    @abstractmethod
    def check(self, export: Export) -> tuple[str, ...]:
        """Everything that can be known before a row is read; nothing is changed.

        Returns sentences for the run's log, e.g. the table that will be created. Raises `ConfigurationError` for a
        destination that cannot be reached, a key without a unique index, a type that would lose.
        """

    @abstractmethod
    def stage(self, export: Export, batches: Iterable[pa.RecordBatch]) -> Staged:
        """Write all rows where no reader looks; what an earlier attempt of the same `load_id` left is replaced.

        A batch has the export's columns by name and order, in the Arrow types that ClickHouse writes them in (see
        `connectors/sink/export_types.py`). Raises `DataQualityError` for a value that the destination cannot hold.
        """

    @abstractmethod
    def publish(self, export: Export) -> Published:
        """Make visible what was staged, all of it at once; does nothing where that was done before."""

    @abstractmethod
    def discard(self, export: Export) -> None:
        """Remove what is staged, if anything is. What was published stays."""
