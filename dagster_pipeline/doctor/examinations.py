"""What there is to examine: each source database of the table files once, the warehouse, the state store, Dagster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

from dagster_pipeline.alerts.watched_table import watch_all
from dagster_pipeline.connectors.server_facts import NeededTable
from dagster_pipeline.connectors.sink.clickhouse.inspector import inspect_clickhouse
from dagster_pipeline.connectors.sources.mysql.inspector import inspect_mysql
from dagster_pipeline.connectors.sources.postgres.inspector import inspect_postgres
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.doctor.deadline import Examination
from dagster_pipeline.doctor.diagnosis import Diagnosis, Level
from dagster_pipeline.doctor.instance import SUBJECT as DAGSTER
from dagster_pipeline.doctor.instance import examine_instance
from dagster_pipeline.doctor.judgement import of_server
from dagster_pipeline.schema.models import Dialect, Mask, TableSchema
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.inspector import inspect_state

Place: TypeAlias = tuple[Dialect, str, str]


def examinations(
    settings: Settings, schemas: Sequence[TableSchema], *, seconds: float
) -> dict[str, Examination]:
    """Each examination by its subject. Only enabled tables count."""
    tables = [schema for schema in schemas if schema.enabled]
    wait = max(1, int(seconds) - 1)  # of a driver; our own deadline comes after it
    by_place: dict[Place, list[TableSchema]] = {}
    for schema in tables:
        source = schema.source
        by_place.setdefault((source.dialect, source.connection, source.database), []).append(schema)
    planned: dict[str, Examination] = {
        _subject(place): partial(_source, settings, place, tuple(its), wait)
        for place, its in by_place.items()
    }
    databases = tuple({schema.destination.database for schema in tables})
    planned["warehouse"] = partial(_warehouse, settings, databases, wait)
    planned["state"] = partial(_state, settings, wait)
    planned[DAGSTER] = partial(examine_instance, settings, watch_all(tables), seconds=seconds)
    return planned


def is_local(url: DatabaseUrl) -> bool:
    """The server is on this machine, so nobody listens on the way to it."""
    try:
        return ip_address(url.host).is_loopback
    except ValueError:
        return url.host in {"", "localhost"} or url.host.startswith("/")


def _subject(place: Place) -> str:
    dialect, connection, database = place
    return f"{dialect}/{connection}" + (f"/{database}" if database != connection else "")


def _source(
    settings: Settings, place: Place, schemas: Sequence[TableSchema], wait: int
) -> Iterator[Diagnosis]:
    dialect, connection, database = place
    url = settings.source_url(dialect, connection=connection, database=database)
    needed = tuple(
        NeededTable(
            schema.source.schema_name if dialect == "postgres" else "",
            schema.source.table,
            tuple(column.name for column in schema.columns if column.mask is not Mask.DROP),
        )
        for schema in schemas
    )
    inspect = inspect_mysql if dialect == "mysql" else inspect_postgres
    facts = inspect(url, database=database, tables=needed, seconds=wait)
    return of_server(_subject(place), facts, is_local=is_local(url))


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
