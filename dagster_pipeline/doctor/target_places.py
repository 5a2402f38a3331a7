"""Databases that reverse ETL and data migration write into: examined as sources are, and whether each table can be written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from dagster_pipeline.connections import open_target
from dagster_pipeline.connectors.server_facts import NeededTable
from dagster_pipeline.connectors.sources.mysql.inspector import inspect_mysql
from dagster_pipeline.connectors.sources.postgres.inspector import inspect_postgres
from dagster_pipeline.data_migration.migration_files import NamedMigration
from dagster_pipeline.doctor.deadline import Examination
from dagster_pipeline.doctor.diagnosis import Diagnosis, Level
from dagster_pipeline.doctor.judgement import is_local, of_missing, of_server
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.schema.finding import listed
from dagster_pipeline.schema.target_models import DatabaseTable
from dagster_pipeline.schema_tree import SchemaTree
from dagster_pipeline.settings import Settings
from dagster_pipeline.targets.base_target import Target
from dagster_pipeline.targets.requirements import unmet
from dagster_pipeline.targets.rights import NeededRights, missing_rights


@dataclass(frozen=True, slots=True)
class Written:
    """One table and what a file does to it.

    Attributes:
        file: the file's name with its kind, e.g. `reverse_etl/balances`.
        key: columns that tell rows apart.
        inserts: rows may be new.
        beside: other tables of the same database that are only read.
    """

    file: str
    table: DatabaseTable
    key: tuple[str, ...]
    rights: NeededRights
    inserts: bool
    beside: tuple[NeededTable, ...] = ()


def target_examinations(settings: Settings, tree: SchemaTree, wait: int) -> dict[str, Examination]:
    """One for each database, by its subject: `target/postgres/crm`."""
    written = [
        *(_of_flow(flow) for flow in tree.reverse_etl if flow.file.enabled),
        *(_of_migration(each) for each in tree.data_migration if each.file.enabled),
    ]
    by_place: dict[str, list[Written]] = {}
    for each in written:
        table = each.table
        other = f"/{table.database_name}" if table.database_name != table.connection else ""
        by_place.setdefault(f"target/{table.dialect}/{table.connection}{other}", []).append(each)
    return {
        subject: partial(_examined, settings, subject, its, wait) for subject, its in sorted(by_place.items())
    }


def migrated_tables(tree: SchemaTree) -> Iterator[tuple[DatabaseTable, NeededTable]]:
    """What migrations read."""
    for each in tree.data_migration:
        if each.file.enabled:
            source = each.file.source
            columns = tuple(column.source or column.name for column in each.file.columns)
            yield source, NeededTable(_schema(source), source.table, columns)


def _of_flow(flow: Flow) -> Written:
    file = flow.file
    names = flow.column_names
    others = tuple(name for name in names if name not in file.key)
    rights = NeededRights(
        read=(*file.key, *others),
        inserted=names if file.mode != "update" else (),
        updated=others if file.mode != "insert" else (),
        deletes=file.mode == "mirror",
    )
    return Written(flow.state_name, file.target, file.key, rights, inserts=file.mode != "update")


def _of_migration(migration: NamedMigration) -> Written:
    file = migration.file
    names = (
        tuple(column.name for column in file.columns) or file.key
    )  # all that both have: known when it runs
    others = tuple(name for name in names if name not in file.key)
    rights = NeededRights(
        read=(*file.key, *others), inserted=names, updated=others if file.on_existing == "update" else ()
    )
    beside = tuple(
        NeededTable(_schema(file.target), rule.table, (rule.key,)) for rule in file.rules.reference
    )
    return Written(
        f"data_migration/{migration.name}", file.target, file.key, rights, inserts=True, beside=beside
    )


def _schema(table: DatabaseTable) -> str:
    return table.schema_name if table.dialect == "postgres" else ""


def _examined(settings: Settings, subject: str, written: Sequence[Written], wait: int) -> Iterator[Diagnosis]:
    place = written[0].table
    url = settings.source_url(place.dialect, connection=place.connection, database=place.database_name)
    needed = dict.fromkeys(
        one
        for each in written
        for one in (NeededTable(_schema(each.table), each.table.table, each.rights.read), *each.beside)
    )
    inspect = inspect_mysql if place.dialect == "mysql" else inspect_postgres
    facts = inspect(url, database=place.database_name, tables=needed, seconds=wait, watches=False)
    yield from of_server(subject, facts, is_local=is_local(url))
    for each in written:
        with open_target(settings, each.table, comment=f"{each.file} doctor") as target:
            if target.name in facts.absent:
                continue
            yield from _of_table(subject, target, each)


def _of_table(subject: str, target: Target, written: Written) -> Iterator[Diagnosis]:
    missing = missing_rights(target, written.rights)
    if missing is not None:
        yield of_missing(subject, missing)
    if target.only_reads():
        yield Diagnosis(
            subject,
            "writing",
            Level.FAIL,
            f"{written.file}: the server takes no writes (a replica?).",
            "Let the address name the primary.",
        )
    try:
        table = target.describe()
    except ConfigurationError as error:
        yield Diagnosis(subject, "table", Level.FAIL, f"{written.file}: {error.what}", error.todo)
        return
    known = {column.name for column in table.columns}
    problems = list(unmet(table, key=written.key, written=written.rights.inserted, inserts=written.inserts))
    unknown = [name for name in written.rights.read if name not in known]
    if unknown:
        problems.append(f"it has no column {listed(unknown)}. Correct `columns`.")
    for problem in problems:
        what, _, todo = problem.partition(". ")
        yield Diagnosis(subject, "table", Level.FAIL, f"{written.file}: {table.name}: {what}.", todo)
    if not problems and missing is None:
        yield Diagnosis(subject, "table", Level.OK, f"{written.file} can write {table.name}.")
