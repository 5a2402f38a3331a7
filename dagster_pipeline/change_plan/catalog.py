"""What warehouse, sources and state store say, as one frozen value that can be kept in a file and planned from later.

It holds names, types, sizes and the SQL of views; no rows, no address, no secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from dagster_pipeline.connectors.sink.clickhouse.table_shape import ColumnShape
from dagster_pipeline.connectors.sources.base_surveyor import Survey
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.state.records import PastLoad

CATALOG_VERSION = 1


@dataclass(frozen=True, slots=True)
class WarehouseTable:
    """A table that stands in the warehouse.

    Attributes:
        engine: the whole engine clause, as ClickHouse prints it.
        rows, bytes, parts, partitions: of its active parts; bytes on disk.
    """

    engine: str
    comment: str
    columns: tuple[ColumnShape, ...]
    rows: int = 0
    bytes: int = 0
    parts: int = 0
    partitions: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """Something in the warehouse that reads tables: a view's or materialized view's SELECT, a dictionary's definition."""

    database: str
    name: str
    engine: str
    query: str


@dataclass(frozen=True, slots=True)
class WarehouseFacts:
    """The warehouse.

    Attributes:
        version: of the engine.
        cluster: DDL runs on it; `None` for none.
        free_bytes: on the disk with the most room; `None` when it does not say.
        tables: by `<database>/<table>`.
    """

    version: str
    cluster: str | None
    free_bytes: int | None
    tables: Mapping[str, WarehouseTable]
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """A source table.

    Attributes:
        survey: what its catalog says.
        extent: oldest and newest value of the column that the warehouse's partitions are cut by, where it was asked.
    """

    survey: Survey
    extent: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PlanCatalog:
    """Everything that a plan is made from, besides the files.

    Attributes:
        taken_at: UTC.
        sources: by table name; a table whose source was not asked is missing.
        unasked: why, by table name.
        loaded: tables of which the state store holds a cursor or a success.
        past_loads: done loads, newest first.
        loaded_as: by table name, what its rows may have been loaded under, for the table and each partition.
    """

    taken_at: datetime
    warehouse: WarehouseFacts
    sources: Mapping[str, SourceFacts] = field(default_factory=dict)
    unasked: Mapping[str, str] = field(default_factory=dict)
    loaded: frozenset[str] = frozenset()
    past_loads: tuple[PastLoad, ...] = ()
    loaded_as: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    version: int = CATALOG_VERSION


_FORMAT = TypeAdapter(PlanCatalog)


def save(catalog: PlanCatalog, path: Path) -> None:
    """Write it as JSON. Raises `ConfigurationError`."""
    try:
        path.write_bytes(_FORMAT.dump_json(catalog, indent=1) + b"\n")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from error


def load(path: Path) -> PlanCatalog:
    """Read what `save` wrote. Raises `ConfigurationError`."""
    try:
        catalog = _FORMAT.validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        what = error.errors(include_input=False)[0]
        raise ConfigurationError(
            f"{path} is no saved catalog: {'.'.join(map(str, what['loc']))}: {what['msg']}.",
            todo="Write it anew with `plan --save-catalog`.",
        ) from None
    if catalog.version != CATALOG_VERSION:
        raise ConfigurationError(
            f"{path} has version {catalog.version}, this program reads version {CATALOG_VERSION}.",
            todo="Write it anew with `plan --save-catalog`.",
        )
    return catalog
