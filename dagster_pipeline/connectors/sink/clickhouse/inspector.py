"""Examines the warehouse as our user sees it: version, clock, rights, room on its disks.

Rights are asked by `CHECK GRANT` (clickhouse.com/docs/sql-reference/statements/check-grant), which adds up roles and
wildcards itself; a server that does not know it yet is said not to have been asked.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from pathlib import Path

from dagster_pipeline.connectors.server_facts import Disk, MissingGrant, ServerFacts, measured_skew
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier
from dagster_pipeline.connectors.sink.clickhouse.errors import Task
from dagster_pipeline.connectors.sink.clickhouse.transport import EmbeddedTransport, HttpTransport
from dagster_pipeline.connectors.sink.clickhouse.warehouse import Warehouse
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, PipelineError

LOCK_WAIT_SECONDS = 1.0

GRANTS_OF_A_DATABASE = {
    "SELECT": "tables are not compared, checked or counted",
    "INSERT": "nothing can be loaded",
    "CREATE TABLE": "new tables and staging tables cannot be made",
    "DROP TABLE": "staging tables cannot be removed, nor tables be exchanged",
    "ALTER TABLE": "columns cannot be added, nor partitions be replaced",
    "TRUNCATE": "tables cannot be emptied for a new start",
    "OPTIMIZE": "a partition cannot be merged before it is shown",
}
"""What loads need on each destination database, and what does not work without it."""
OPTIONAL_GRANTS_OF_A_DATABASE = {"CREATE DATABASE": "the database must be made by an administrator"}
SYSTEM_TABLES = {
    "system.parts": "loads of partitions, and metadata of runs, need it",
    "system.disks": "room on the disks cannot be examined",
}
CLUSTER_GRANT = "CLUSTER"

Ask = Callable[[str], list[tuple[object, ...]]]


def inspect_clickhouse(
    url: DatabaseUrl, *, databases: Iterable[str], cluster: str | None, seconds: int
) -> ServerFacts:
    """Ask the warehouse; an embedded one is opened for a moment. `seconds` bounds each wait for a server.

    Raises `ConfigurationError` (wrong password, no such directory) or `RetriableError` (unreachable, held by another).
    """
    is_embedded = url.scheme == "chdb"
    if is_embedded and not Path(url.database).is_dir():
        raise ConfigurationError(
            f"The warehouse's directory {url.database} does not exist yet.", todo="The first run makes it."
        )
    transport = (
        EmbeddedTransport(Path(url.database), holder="doctor", lock_wait_seconds=LOCK_WAIT_SECONDS)
        if is_embedded
        else HttpTransport(url, connect_seconds=seconds, answer_seconds=seconds)
    )
    with closing(Warehouse(transport, url=url)) as warehouse:

        def ask(statement: str) -> list[tuple[object, ...]]:
            return warehouse.rows(statement, doing="Examining the warehouse", task=Task.READ)

        ((version, user),) = ask("SELECT version(), currentUser()")
        skew, uncertainty = measured_skew(
            lambda: float(str(ask("SELECT toUnixTimestamp64Micro(now64(6))")[0][0])) / 1e6
        )
        missing, notes = _rights(ask, sorted(set(databases)), cluster, str(user))
        can_see_disks = not any(grant.what.endswith("system.disks") for grant in missing)
        disks = ask("SELECT name, free_space, total_space FROM system.disks") if can_see_disks else []
    return ServerFacts(
        product="ClickHouse (embedded)" if is_embedded else "ClickHouse",
        version=str(version),
        skew=None if is_embedded else skew,
        uncertainty=uncertainty,
        encrypted=None if is_embedded else url.scheme == "https",
        missing=missing,
        disks=tuple(Disk(str(name), int(str(free)), int(str(total))) for name, free, total in disks),
        notes=notes,
    )


def missing_grants(
    ask: Ask, wanted: Iterable[tuple[str, str, str, bool]], user: str
) -> tuple[MissingGrant, ...]:
    """Which of these our user lacks; each is a right, its object, what it is for, and whether loads fail without it."""
    account = quote_identifier(user)
    return tuple(
        MissingGrant(f"{right} on {place}", why, f"GRANT {right} ON {place} TO {account};", required=required)
        for right, place, why, required in wanted
        if not _is_granted(ask, right, place)
    )


def _rights(
    ask: Ask, databases: list[str], cluster: str | None, user: str
) -> tuple[tuple[MissingGrant, ...], tuple[str, ...]]:
    try:
        ask("CHECK GRANT SELECT ON *.*")
    except PipelineError:
        return (), ("This version knows no CHECK GRANT, so rights were not examined.",)
    return missing_grants(ask, _wanted(ask, databases, cluster), user), ()


def _wanted(
    ask: Ask, databases: list[str], cluster: str | None
) -> Generator[tuple[str, str, str, bool], None, None]:
    for database in databases:
        place = f"{quote_identifier(database)}.*"
        if not _is_granted(ask, ", ".join(GRANTS_OF_A_DATABASE), place):
            yield from ((right, place, why, True) for right, why in GRANTS_OF_A_DATABASE.items())
        yield from ((right, place, why, False) for right, why in OPTIONAL_GRANTS_OF_A_DATABASE.items())
    yield from (("SELECT", table, why, False) for table, why in SYSTEM_TABLES.items())
    if cluster:
        yield CLUSTER_GRANT, "*.*", "statements ON CLUSTER are refused", True


def _is_granted(ask: Ask, right: str, place: str) -> bool:
    rights = ", ".join(f"{one} ON {place}" for one in right.split(", "))
    return bool(int(str(ask(f"CHECK GRANT {rights}")[0][0])))
