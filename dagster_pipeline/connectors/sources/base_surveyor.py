"""The contract of a surveyor: what a source can say about tables that have no file yet.

A survey asks catalogs and single rows by index; it never reads a large table. What does not belong here: what follows
from the answers (`proposal/`), and reading rows (`base_source_connector`).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from dagster_pipeline.connectors.batch import SourceTable
from dagster_pipeline.connectors.closing import Closing
from dagster_pipeline.schema.models import Dialect

COUNTED_ROWS = 3_000_000
"""A table that was never analysed has no estimate: its rows are counted, and never more than these."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the catalog says of one table, beyond what a load needs to know.

    Attributes:
        table: its columns, key and estimates.
        comment: the table's own comment; may be empty.
        indexes: column names of every index, in index order; the primary key's too.
        renewed: columns that the server itself sets with every change of a row (`ON UPDATE CURRENT_TIMESTAMP`).
    """

    table: SourceTable
    comment: str
    indexes: tuple[tuple[str, ...], ...]
    renewed: frozenset[str]

    def leads_an_index(self, column: str) -> bool:
        """An index begins with the column, so the newest value is found without reading the table."""
        return any(index[0] == column for index in self.indexes)


@dataclass(frozen=True, slots=True)
class CursorFacts:
    """What the rows say of a column that may become a cursor.

    Attributes:
        newest: the greatest value as text; `None` when no row has one.
        has_nulls: some row has no value.
        recent: the newest value lies within the last 30 days; `None` when the column is no point in time.
    """

    newest: str | None
    has_nulls: bool
    recent: bool | None


class BaseSurveyor(Closing):
    """One source database. Raises `ConfigurationError` or `RetriableError`, never a driver's error."""

    dialect: ClassVar[Dialect]

    @abstractmethod
    def tables(self) -> tuple[str, ...]:
        """Names of all tables (no views) that our user may see, sorted."""

    @abstractmethod
    def survey(self, table: str) -> Survey:
        """What the catalog says. Raises `ConfigurationError` that names the nearest when there is no such table."""

    @abstractmethod
    def cursor_facts(self, table: str, column: str, *, temporal: bool) -> CursorFacts:
        """Ask the rows: cheap with an index on the column, else a scan; whoever asks decides by the table's size."""

    @abstractmethod
    def extent(self, table: str, column: str) -> tuple[str, str] | None:
        """Oldest and newest value as text, `None` when no row has one; costs what `cursor_facts` costs."""

    @abstractmethod
    def close(self) -> None:
        """End the connection; may be called twice."""
