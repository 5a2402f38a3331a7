"""The contract of a source: what the engine asks of any database that it reads from.

A new source is one folder here plus one dialect in the type mapper. What does not belong here: SQL, drivers, and
anything about where the rows go.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

from dagster_pipeline.connectors.batch import (
    EVERYTHING,
    WHOLE_TABLE,
    Batch,
    KeyRange,
    SourceBounds,
    SourceTable,
    Window,
    WireColumn,
    WireFormat,
)
from dagster_pipeline.connectors.closing import Closing
from dagster_pipeline.connectors.digest import KeySet
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.type_mapper.mapping import ColumnMapping


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Which rows to read, and how each column is to be read.

    Attributes:
        mappings: one per column that travels, in wire order.
        window: rows by cursor.
        key_range: the chunk.
        query_comment: names table and run, for whoever watches the source; must not end a comment.
        only: these rows and no others; `None` for all.
        limit: at most so many rows, whichever the source comes upon first; 0 for all. For a look, never for a load.
    """

    mappings: tuple[ColumnMapping, ...]
    window: Window = EVERYTHING
    key_range: KeyRange = WHOLE_TABLE
    query_comment: str = ""
    only: KeySet | None = None
    limit: int = 0


class BaseSourceConnector(Closing):
    """One table's source database. Not shared between threads, but for `stream`, which any thread may call.

    A context manager: nothing is connected before `__enter__` or the first call, and `close` ends everything it opened.
    Every method raises `ConfigurationError` (wrong password, missing table, column or grant), `RetriableError` or
    `FatalError`, never a driver's error.
    """

    dialect: ClassVar[str]
    wire_format: ClassVar[WireFormat]

    def __init__(self, schema: TableSchema) -> None:
        self.schema = schema

    @abstractmethod
    def describe(self) -> SourceTable:
        """The table as the catalog has it. Raises `ConfigurationError` when the table does not exist."""

    @abstractmethod
    def bounds(self, cursor: str, *, floor: str | None, count_nulls: bool) -> SourceBounds:
        """The cursor's bounds right now, safe against transactions that are still open.

        `floor` is where the cursor stands: a `settled` below it is raised to it (by the source, which alone compares),
        so a cursor never goes back.
        """

    @abstractmethod
    def split(
        self,
        columns: tuple[str, ...],
        *,
        window: Window,
        target_rows: int,
        streams: int = 1,
        rows_at_most: int | None = None,
    ) -> tuple[KeyRange, ...]:
        """Ranges of `columns` that cover the window without gap or overlap, each of about `target_rows` rows.

        The first is open below, the last open above, so rows that appear meanwhile belong to one of them. `streams`
        ranges are read at the same time: a source may make more and smaller ones where that lets it work while another
        waits for its disk. `rows_at_most` is what `bounds` said of the window.
        """

    @abstractmethod
    def count(self, window: Window) -> int:
        """Rows of the window at the source, the table file's own `where` applied."""

    def statement(self, request: ReadRequest) -> str:  # noqa: ARG002 -- a hook, for sources that have an answer
        """What `stream` runs, for people; empty where a source has no such text."""
        return ""

    @abstractmethod
    def holds_values(self, columns: tuple[str, ...], window: Window) -> bool:
        """Whether a row of the window has a value other than NULL in one of the columns."""

    def wire_columns(self, mappings: tuple[ColumnMapping, ...]) -> tuple[WireColumn, ...]:
        """What a stream of these columns carries, in order; a source may add columns of its own that are not stored."""
        return tuple(mapping.wire_column for mapping in mappings)

    @abstractmethod
    def stream(self, request: ReadRequest) -> AbstractContextManager[Generator[Batch, None, None]]:
        """Open a stream of batches; leaving the context ends the statement at the source, also in the middle.

        Memory is bounded in bytes whatever the rows' width. Values outside what the mapping's guard allows were
        replaced as the mapping says and are counted in `Batch.coerced`.
        """

    @abstractmethod
    def close(self) -> None:
        """End every connection that this object opened; may be called twice, and from another thread to cancel."""
