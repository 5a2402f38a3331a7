"""How the store's tables come to exist and change: a chain of numbered steps, each written once and never edited.

A store is brought up to date by the first process of a newer version that opens it, in one transaction. A step is plain
SQL that both databases understand, or it would have to be tested twice. Where the tables are used is `tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, func, insert, inspect, select

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the schema.

    Attributes:
        number: 1 for the first; each is one more than the one before.
        what: for the record in the store.
        statements: run in order.
    """

    number: int
    what: str
    statements: tuple[str, ...]


_CREATE = Step(
    1,
    "create the tables",
    (
        """CREATE TABLE pipeline_tables (
            table_name TEXT NOT NULL PRIMARY KEY,
            version BIGINT NOT NULL
        )""",
        """CREATE TABLE pipeline_positions (
            table_name TEXT NOT NULL,
            partition_key TEXT NOT NULL,
            cursor_value TEXT,
            row_count BIGINT,
            last_success_at BIGINT,
            PRIMARY KEY (table_name, partition_key)
        )""",
        """CREATE TABLE pipeline_loads (
            load_id TEXT NOT NULL PRIMARY KEY,
            load_number BIGINT NOT NULL,
            table_name TEXT NOT NULL,
            partition_key TEXT NOT NULL,
            kind TEXT NOT NULL,
            read_window TEXT NOT NULL,
            advance_to TEXT,
            fingerprint TEXT NOT NULL,
            staging TEXT NOT NULL,
            staging_id TEXT NOT NULL,
            status TEXT NOT NULL,
            created_at BIGINT NOT NULL
        )""",
        "CREATE UNIQUE INDEX pipeline_loads_by_number ON pipeline_loads (table_name, load_number)",
        """CREATE UNIQUE INDEX pipeline_loads_one_open ON pipeline_loads (table_name, partition_key)
            WHERE status = 'open'""",
        """CREATE TABLE pipeline_chunks (
            load_id TEXT NOT NULL,
            chunk_index BIGINT NOT NULL,
            key_range TEXT NOT NULL,
            status TEXT NOT NULL,
            row_count BIGINT NOT NULL,
            byte_count BIGINT NOT NULL,
            seconds DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (load_id, chunk_index)
        )""",
        """CREATE TABLE pipeline_locks (
            table_name TEXT NOT NULL,
            partition_key TEXT NOT NULL,
            token TEXT NOT NULL,
            owner TEXT NOT NULL,
            acquired_at BIGINT NOT NULL,
            heartbeat_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            PRIMARY KEY (table_name, partition_key)
        )""",
    ),
)

_ALERTS = Step(
    2,
    "remember alerts",
    (
        """CREATE TABLE pipeline_alert_marks (
            mark_name TEXT NOT NULL PRIMARY KEY,
            document TEXT NOT NULL
        )""",
        """CREATE TABLE pipeline_alert_incidents (
            incident_key TEXT NOT NULL PRIMARY KEY,
            document TEXT NOT NULL
        )""",
        """CREATE TABLE pipeline_alert_deliveries (
            message_id TEXT NOT NULL,
            channel TEXT NOT NULL,
            document TEXT NOT NULL,
            status TEXT NOT NULL,
            attempts BIGINT NOT NULL,
            created_at BIGINT NOT NULL,
            not_before BIGINT NOT NULL,
            claim TEXT NOT NULL,
            PRIMARY KEY (message_id, channel)
        )""",
        "CREATE INDEX pipeline_alert_deliveries_due ON pipeline_alert_deliveries (status, not_before)",
    ),
)

_LOADED_AS = Step(
    3,
    "remember what rows were loaded under",
    ("ALTER TABLE pipeline_positions ADD COLUMN loaded_as TEXT",),
)

STEPS: tuple[Step, ...] = (_CREATE, _ALERTS, _LOADED_AS)

_steps_done = Table(
    "pipeline_migrations",
    MetaData(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("what", Text, nullable=False),
)


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(_steps_done.name):
        return 0
    return connection.execute(select(func.max(_steps_done.c.number))).scalar_one() or 0


def version(connection: Connection, url: DatabaseUrl, steps: Sequence[Step] = STEPS) -> int:
    """The newest step that the store has, 0 for a store without tables.

    Raises `ConfigurationError` when it has more than this version knows.
    """
    found, newest = _version(connection), steps[-1].number
    if found > newest:
        raise ConfigurationError(
            f"The state store {url} has schema {found}; this version of the pipeline knows none above {newest}.",
            todo="Run the newer version that changed it, or set STATE_URL to another store. Nothing was changed.",
        )
    return found


def is_current(connection: Connection, url: DatabaseUrl, steps: Sequence[Step]) -> bool:
    """Whether the store has every step. Raises `ConfigurationError` when it has more than this version knows."""
    return version(connection, url, steps) == steps[-1].number


def migrate(connection: Connection, url: DatabaseUrl, steps: Sequence[Step]) -> None:
    """Take the steps that are missing, inside the caller's transaction, which must exclude other migrations."""
    if is_current(connection, url, steps):  # another process was faster
        return
    _steps_done.create(connection, checkfirst=True)
    done = _version(connection)
    for step in steps:
        if step.number > done:
            for statement in step.statements:
                connection.exec_driver_sql(statement)
            connection.execute(insert(_steps_done).values(number=step.number, what=step.what))
