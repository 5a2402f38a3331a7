"""What there is to examine: every place that a file names, once, the warehouse, the state store, Dagster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

from dagster_pipeline.alerts.watched_kinds import watch_tree
from dagster_pipeline.connectors.server_facts import NeededTable
from dagster_pipeline.connectors.sink.clickhouse.inspector import inspect_clickhouse
from dagster_pipeline.connectors.sources.mysql.inspector import inspect_mysql
from dagster_pipeline.connectors.sources.postgres.inspector import inspect_postgres
from dagster_pipeline.doctor.deadline import Examination
from dagster_pipeline.doctor.delivery_places import delivery_examinations
from dagster_pipeline.doctor.diagnosis import Diagnosis, Level
from dagster_pipeline.doctor.instance import SUBJECT as DAGSTER
from dagster_pipeline.doctor.instance import examine_instance
from dagster_pipeline.doctor.judgement import is_local, of_server
from dagster_pipeline.doctor.target_places import migrated_tables, target_examinations
from dagster_pipeline.schema.models import Dialect, Mask, TableSchema
from dagster_pipeline.schema_tree import SchemaTree
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.inspector import inspect_state

Place: TypeAlias = tuple[Dialect, str, str]


def examinations(settings: Settings, tree: SchemaTree, *, seconds: float) -> dict[str, Examination]:
    """Each examination by its subject. Only enabled files count."""
    tables = [schema for schema in tree.tables if schema.enabled]
    deliveries = [file for file in tree.deliveries if file.value.enabled]
    wait = max(1, int(seconds) - 1)  # of a driver; our own deadline comes after it
    read: dict[Place, list[NeededTable]] = {}
    for schema in tables:
        source = schema.source
        read.setdefault((source.dialect, source.connection, source.database), []).append(_needed(schema))
    watched = frozenset(read)
    for table, needed in migrated_tables(tree):
        read.setdefault((table.dialect, table.connection, table.database_name), []).append(needed)
    planned: dict[str, Examination] = {
        _subject(place): partial(_source, settings, place, tuple(its), wait, watches=place in watched)
        for place, its in read.items()
    }
    planned |= delivery_examinations(settings, tree, wait)
    planned |= target_examinations(settings, tree, wait)
    databases = tuple(
        {schema.destination.database for schema in tables}
        | {file.value.destination.database for file in deliveries}
    )
    planned["warehouse"] = partial(_warehouse, settings, databases, wait)
    planned["state"] = partial(_state, settings, wait)
    planned[DAGSTER] = partial(examine_instance, settings, watch_tree(tree), seconds=seconds)
    return planned


def _subject(place: Place) -> str:
    dialect, connection, database = place
    return f"{dialect}/{connection}" + (f"/{database}" if database != connection else "")


def _needed(schema: TableSchema) -> NeededTable:
    return NeededTable(
        schema.source.schema_name if schema.source.dialect == "postgres" else "",
        schema.source.table,
        tuple(column.name for column in schema.columns if column.mask is not Mask.DROP),
    )


def _source(
    settings: Settings, place: Place, needed: Sequence[NeededTable], wait: int, *, watches: bool
) -> Iterator[Diagnosis]:
    dialect, connection, database = place
    url = settings.source_url(dialect, connection=connection, database=database)
    inspect = inspect_mysql if dialect == "mysql" else inspect_postgres
    facts = inspect(url, database=database, tables=needed, seconds=wait, watches=watches)
    yield from of_server(_subject(place), facts, is_local=is_local(url))


def _warehouse(settings: Settings, databases: Sequence[str], wait: int) -> Iterator[Diagnosis]:
    url = settings.clickhouse_url()
    if url.scheme == "chdb" and not Path(url.database).is_dir():
        what = f"The embedded warehouse {url.database} does not exist yet; the first run makes it."
        yield Diagnosis("warehouse", "connection", Level.OK, what)
        return
    facts = inspect_clickhouse(url, databases=databases, cluster=settings.clickhouse_cluster, seconds=wait)
    yield from of_server("warehouse", facts, is_local=url.scheme == "chdb" or is_local(url))


def _state(settings: Settings, wait: int) -> Iterator[Diagnosis]:
    url = settings.state_url()
    facts = inspect_state(url, seconds=wait)
    yield from of_server("state", facts.server, is_local=is_local(url))
    if not facts.exists:
        yield Diagnosis("state", "schema", Level.OK, "The store has no tables yet; the first run makes them.")
    elif not facts.is_current:
        yield Diagnosis(
            "state", "schema", Level.WARN, "The next start brings the store up to date.", "Back it up before."
        )
    else:
        yield Diagnosis("state", "schema", Level.OK, "The store has the schema of this version.")
