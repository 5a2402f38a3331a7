"""A few rows of a table as they would arrive: masked, and each value that a policy changes beside what it was.

Reads from the source, and asks the sink what would be stored; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dagster_pipeline.connectors.batch import Window, WireColumn, WireFormat
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.sync.drift import agree
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

MOST_BYTES = 4 << 20
"""A sample is handed over within a statement, which has a bound; wider rows make a smaller sample."""

_TEXT = {"mysql": "CAST({column} AS CHAR)", "postgres": "({column})::text"}


class Arriving(Protocol):
    """The part of a sink that a sample needs."""

    def arrived(
        self,
        columns: Sequence[WireColumn],
        wire_format: WireFormat,
        payload: bytes,
        stored: Mapping[str, str],
    ) -> list[tuple[str | None, ...]]:
        """What would be stored, as text."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value.

    Attributes:
        text: as the warehouse prints it; `None` is NULL.
        was: what stands at the source, where the policy changes it; `None` for all other values.
    """

    text: str | None
    was: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows.

    Attributes:
        types: ClickHouse types by column, in order.
        masked: the mask of each masked column.
        stops: `out_of_range: fail`: a value that would be changed stops the run instead.
        rows: as many as were asked for, or as there are.
        reasons: what does not fit, by column.
    """

    types: Mapping[str, str]
    masked: Mapping[str, str]
    stops: bool
    rows: tuple[tuple[Cell, ...], ...]
    reasons: Mapping[str, str]

    @property
    def coerced(self) -> Mapping[str, int]:
        """How many of the rows have a changed value, by column; only columns with one."""
        counts = {
            name: sum(row[place].was is not None for row in self.rows)
            for place, name in enumerate(self.types)
        }
        return {name: count for name, count in counts.items() if count}


def take_sample(
    schema: TableSchema, *, source: BaseSourceConnector, sink: Arriving, window: Window, rows: int
) -> Sample:
    """Read the first rows that the source comes upon. Raises what a load would raise, but for values out of range."""
    agreement = agree(schema, source.describe(), TypeMapper())
    mappings = tuple(replace(mapping, fails_out_of_range=False) for mapping in agreement.mappings)
    guarded = [mapping for mapping in mappings if mapping.guard is not None]
    mark = "_was_"
    while any(mapping.name.startswith(mark) for mapping in mappings):
        mark = f"_{mark}"
    was = {mapping.name: f"{mark}{place}" for place, mapping in enumerate(guarded)}
    read = (*mappings, *(_was(mapping, was[mapping.name], source.dialect) for mapping in guarded))
    payload = _read(source, ReadRequest(mappings=read, window=window, limit=rows))
    types = {mapping.name: mapping.clickhouse_type for mapping in mappings}
    stored = types | dict.fromkeys(was.values(), "Nullable(String)")
    found = sink.arrived(source.wire_columns(read), source.wire_format, payload, stored) if payload else []
    place = {name: at for at, name in enumerate(stored)}
    return Sample(
        types=types,
        masked={
            column.name: str(column.mask) for column in schema.columns if column.mask and column.name in types
        },
        stops=any(mapping.fails_out_of_range for mapping in agreement.mappings),
        rows=tuple(
            tuple(Cell(row[place[name]], row[place[was[name]]] if name in was else None) for name in types)
            for row in found
        ),
        reasons={mapping.name: mapping.guard.reason for mapping in guarded if mapping.guard},
    )


def _read(source: BaseSourceConnector, request: ReadRequest) -> bytes:
    """The rows' bytes; fewer rows, at least one, where they are wide."""
    with source.stream(request) as batches:
        payload = b"".join(batch.payload for batch in batches)
    if len(payload) <= MOST_BYTES or request.limit == 1:
        return payload
    return _read(source, replace(request, limit=max(1, request.limit * MOST_BYTES // len(payload) // 2)))


def _was(mapping: ColumnMapping, name: str, dialect: str) -> ColumnMapping:
    """A column that holds the source's own text of a value that does not fit, and NULL for all others."""
    violated = mapping.guard.violated if mapping.guard else "1 = 0"
    return ColumnMapping(
        source_name=mapping.source_name,
        name=name,
        clickhouse_type="Nullable(String)",
        read=f"CASE WHEN {violated} THEN {_TEXT[dialect]} END",
        wire_type="Nullable(String)",
    )
