"""What quarantine asks of a source, beyond the contract of every source: the rows that a load left out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

from dagster_pipeline.connectors.batch import Batch, WireFormat
from dagster_pipeline.connectors.sources.base_source_connector import ReadRequest
from dagster_pipeline.type_mapper.canonical_text import CanonicalColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRowsRequest:
    """Rows that cannot be represented.

    Attributes:
        read: the rows among which they are.
        columns: destination names of the columns at fault; others are not looked at.
        key: the primary key as both databases write it.
        run_id, load_id: stand in every row.
    """

    read: ReadRequest
    columns: tuple[str, ...]
    key: tuple[CanonicalColumn, ...]
    run_id: str
    load_id: str


class QuarantiningSource(ABC):
    """A source that can stream what is wrong with rows. Raises as every source does."""

    wire_format: ClassVar[WireFormat]

    @abstractmethod
    def stream_bad_rows(
        self, request: BadRowsRequest
    ) -> AbstractContextManager[Generator[Batch, None, None]]:
        """As `stream`, with the columns of `bad_rows.WIRE_COLUMNS`: a row for each value that cannot be represented."""
