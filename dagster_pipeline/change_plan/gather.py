"""Asks the warehouse, the sources and the state store everything that a plan needs. Reads catalogs, and no table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from dagster_pipeline.change_plan.catalog import (
    PlanCatalog,
    SourceFacts,
    View,
    WarehouseFacts,
    WarehouseTable,
)
from dagster_pipeline.change_plan.volume import partition_column
from dagster_pipeline.connections import open_state, open_surveyor
from dagster_pipeline.connectors.sink.clickhouse.table_shape import ColumnShape
from dagster_pipeline.connectors.sources.base_surveyor import BaseSurveyor, Survey
from dagster_pipeline.errors import ConfigurationError, RetriableError
from dagster_pipeline.schema.models import Dialect, TableSchema
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.records import PastLoad

Rows = Callable[[str, Mapping[str, object] | None], list[tuple[Any, ...]]]
"""Runs a SELECT with parameters and returns its rows."""

PAST_LOADS = 5
"""So many of a table's newest loads say how fast it is moved."""
SCANNED_ROWS = 2_000_000
"""A column without an index is looked at only in tables up to this size."""

_TABLES = """
SELECT database, name, if(engine_full = '', engine, engine_full), comment FROM system.tables
WHERE database IN {databases:Array(String)} AND engine LIKE '%MergeTree'
"""
_COLUMNS = """
SELECT database, table, name, type, default_expression, comment,
       is_in_sorting_key OR is_in_partition_key OR is_in_primary_key
FROM system.columns WHERE database IN {databases:Array(String)} ORDER BY database, table, position
"""
_PARTS = """
SELECT database, table, sum(rows), sum(bytes_on_disk), count(), uniqExact(partition_id) FROM system.parts
WHERE active AND database IN {databases:Array(String)} GROUP BY database, table
"""
_VIEWS = """
SELECT database, name, engine, if(as_select = '', create_table_query, as_select) FROM system.tables
WHERE (engine LIKE '%View' OR engine = 'Dictionary') AND lower(database) NOT IN ('system', 'information_schema')
ORDER BY database, name
"""
_FREE = "SELECT max(unreserved_space) FROM system.disks"


def gather(
    settings: Settings, schemas: Sequence[TableSchema], *, rows: Rows, told: Callable[[str], None]
) -> PlanCatalog:
    """Ask for everything about these tables: `rows` asks the warehouse, `told` hears which database is being asked.

    A source that cannot be asked leaves its tables without facts, and the reason in their place; the warehouse must
    answer. Raises `PipelineError`.
    """
    told("the warehouse")
    databases = {schema.destination.database for schema in schemas}
    warehouse = read_warehouse(rows, databases, cluster=settings.clickhouse_cluster)
    told("the state store")
    with closing(open_state(settings)) as state:
        states = state.tables()
        loaded = frozenset(each.table for each in states if each.cursor is not None)
        loaded_as = {
            name: tuple(sorted({each.loaded_as for each in of_table}))
            for name, of_table in groupby(states, lambda each: each.table)
        }
        past: tuple[PastLoad, ...] = state.past_loads(newest=PAST_LOADS)
    sources: dict[str, SourceFacts] = {}
    unasked: dict[str, str] = {}
    for place, of_place in groupby(sorted(schemas, key=_place), _place):
        told(f"{place[0]}/{place[2]}")
        _ask_source(settings, place, list(of_place), warehouse, sources, unasked)
    return PlanCatalog(datetime.now(UTC), warehouse, sources, unasked, loaded, past, loaded_as)


def read_warehouse(rows: Rows, databases: Iterable[str], *, cluster: str | None) -> WarehouseFacts:
    """The warehouse's side, in six questions however many tables there are."""
    where = {"databases": sorted(databases)}
    columns: dict[tuple[str, str], list[ColumnShape]] = defaultdict(list)
    for database, table, name, type_, default, comment, in_key in rows(_COLUMNS, where):
        columns[database, table].append(ColumnShape(name, type_, default, comment, in_key=bool(in_key)))
    sizes = {(database, table): tuple(map(int, size)) for database, table, *size in rows(_PARTS, where)}
    ((version,),) = rows("SELECT version()", None)
    ((free,),) = rows(_FREE, None)
    return WarehouseFacts(
        version=str(version),
        cluster=cluster,
        free_bytes=int(free) if free else None,
        tables={
            f"{database}/{name}": WarehouseTable(
                engine, comment, tuple(columns[database, name]), *sizes.get((database, name), ())
            )
            for database, name, engine, comment in rows(_TABLES, where)
        },
        views=tuple(View(*map(str, view)) for view in rows(_VIEWS, None)),
    )


Place = tuple[Dialect, str, str, str]


def _place(schema: TableSchema) -> Place:
    source = schema.source
    return source.dialect, source.connection, source.database, source.schema_name


def _ask_source(
    settings: Settings,
    place: Place,
    schemas: list[TableSchema],
    warehouse: WarehouseFacts,
    sources: dict[str, SourceFacts],
    unasked: dict[str, str],
) -> None:
    dialect, connection, database, schema_name = place
    try:
        with open_surveyor(
            settings, dialect, connection=connection, database=database, schema_name=schema_name
        ) as surveyor:
            for schema in schemas:
                try:
                    sources[schema.name] = survey_table(surveyor, schema, warehouse)
                except ConfigurationError as error:
                    unasked[schema.name] = str(error)
    except (ConfigurationError, RetriableError) as error:
        unasked |= {schema.name: str(error) for schema in schemas if schema.name not in sources}


def survey_table(surveyor: BaseSurveyor, schema: TableSchema, warehouse: WarehouseFacts) -> SourceFacts:
    """One source table. How far its rows reach is asked only where the warehouse does not have such partitions yet."""
    survey = surveyor.survey(schema.source.table)
    column, found = partition_column(schema), warehouse.tables.get(schema.name)
    is_cut = found is not None and f"PARTITION BY {schema.destination.partition_by}" in found.engine
    if is_cut or column is None or not _is_cheap(survey, column):
        return SourceFacts(survey)
    return SourceFacts(survey, surveyor.extent(schema.source.table, column))


def _is_cheap(survey: Survey, column: str) -> bool:
    exists = any(each.name == column for each in survey.table.columns)
    return exists and (survey.leads_an_index(column) or survey.table.estimated_rows <= SCANNED_ROWS)
