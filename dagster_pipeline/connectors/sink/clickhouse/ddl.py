"""A destination table as ClickHouse's own text. Pure: no connection, no question to a server.

Belongs here: the one quoter of identifiers, the one renderer of literals, and every DDL statement that the sink runs.
Does not belong here: which statement is needed (`table_diff`), and INSERT (`insert`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import (
    DELETED_COLUMN,
    SYNCED_AT_COLUMN,
    VERSION_COLUMN,
    SinkTable,
)
from dagster_pipeline.connectors.sink.clickhouse.table_diff import (
    AddColumn,
    Change,
    ChangeSetting,
    ChangeTtl,
    CommentColumn,
    CommentTable,
    WidenColumn,
)
from dagster_pipeline.connectors.sink.clickhouse.table_shape import ColumnShape, EngineShape, split_list
from dagster_pipeline.errors import ConfigurationError

ENGINES = ("MergeTree", "ReplacingMergeTree")
TOKENS_REMEMBERED = 10_000
"""Inserts whose deduplication tokens a table remembers: more chunks than a load has that is still open."""
TOKENS_REMEMBERED_SECONDS = 7 * 24 * 3600

_MARK = ColumnShape(DELETED_COLUMN, "UInt8", "0", "1: the row is gone at the source.")
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def quote_identifier(name: str) -> str:
    """A name in back-ticks, fit for any place where ClickHouse wants an identifier."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def quote_string(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def quote_table(database: str, name: str) -> str:
    """A table's full name."""
    return f"{quote_identifier(database)}.{quote_identifier(name)}"


def render_literal(value: str | int | float) -> str:
    """A value of an engine setting; a switch is written 1 or 0, as `system.tables` prints it."""
    return (
        quote_string(value)
        if isinstance(value, str)
        else repr(int(value) if isinstance(value, bool) else value)
    )


def structure(columns: Iterable[tuple[str, str]]) -> str:
    """Names and types as table functions take them, not yet a string literal."""
    return ", ".join(f"{quote_identifier(name)} {type_}" for name, type_ in columns)


def table_columns(table: SinkTable) -> tuple[ColumnShape, ...]:
    """The file's columns, then our own."""
    version = ColumnShape(
        VERSION_COLUMN, "UInt64", comment="Grows with every load; the greatest is the row's newest state."
    )
    return (
        *(ColumnShape(column.name, column.type, comment=column.comment) for column in table.columns),
        *((version,) if table.is_versioned else ()),
        *((_MARK,) if table.tracks_deletes else ()),
        ColumnShape(
            SYNCED_AT_COLUMN, "DateTime64(3, 'UTC')", "now64(3, 'UTC')", "When the row was written here."
        ),
    )


def render_column(column: ColumnShape) -> str:
    """A column's declaration."""
    default = f" DEFAULT {column.default}" if column.default else ""
    comment = f" COMMENT {quote_string(column.comment)}" if column.comment else ""
    return f"{quote_identifier(column.name)} {column.type}{default}{comment}"


@dataclass(frozen=True, slots=True)
class Ddl:
    """DDL for one server, or for every replica of `cluster`.

    A cluster's tables use the server's own default replica path, `/clickhouse/tables/{uuid}/{shard}` unless configured
    (clickhouse.com/docs/engines/table-engines/mergetree-family/replication), so that names may be exchanged.
    """

    cluster: str | None = None

    def create_database(self, database: str) -> str:
        """CREATE DATABASE."""
        return f"CREATE DATABASE IF NOT EXISTS {quote_identifier(database)}{self._on_cluster}"

    def create_table(self, table: SinkTable) -> str:
        """CREATE TABLE. Raises `ConfigurationError` for an engine or a setting that cannot be written."""
        columns = ",\n    ".join(render_column(column) for column in table_columns(table))
        comment = f"\nCOMMENT {quote_string(table.comment)}" if table.comment else ""
        return (
            f"CREATE TABLE IF NOT EXISTS {quote_table(table.database, table.name)}{self._on_cluster}\n"
            f"(\n    {columns}\n)\nENGINE = {self.engine(table)}{comment}"
        )

    def create_like(self, database: str, name: str, model: str) -> str:
        """CREATE TABLE with the columns, engine and settings of another."""
        created = quote_table(database, name)
        return f"CREATE TABLE IF NOT EXISTS {created}{self._on_cluster} AS {quote_table(database, model)}"

    def create_shaped(self, database: str, name: str, model: str, engine: EngineShape) -> str:
        """CREATE TABLE with the columns of another, codecs and indices included, and an engine of its own."""
        created = f"{quote_table(database, name)}{self._on_cluster}"
        settings = ", ".join(f"{setting} = {value}" for setting, value in engine.settings.items())
        arguments = ", ".join(map(quote_identifier, engine.arguments))
        parts = [
            f"CREATE TABLE IF NOT EXISTS {created} AS {quote_table(database, model)}",
            f"ENGINE = {'Replicated' if self.cluster else ''}{engine.family}({arguments})",
            f"PARTITION BY {_whole_key(engine.partition_by)}" if engine.partition_by else "",
            f"ORDER BY {_whole_key(engine.order_by)}" if engine.order_by else "ORDER BY tuple()",
            f"TTL {engine.ttl}" if engine.ttl else "",
            f"SETTINGS {settings}" if settings else "",
        ]
        return "\n".join(part for part in parts if part)

    def add_deleted_column(self, database: str, name: str) -> str:
        """ALTER TABLE: the column that marks rows as deleted; no row is marked."""
        return f"ALTER TABLE {quote_table(database, name)}{self._on_cluster} ADD COLUMN IF NOT EXISTS {render_column(_MARK)}"

    def engine(self, table: SinkTable) -> str:
        """Everything that follows `ENGINE =` but the table's comment."""
        if table.engine not in ENGINES:
            raise ConfigurationError(
                f"{table.full_name}: the engine {table.engine} is not supported.",
                todo=f"Use {' or '.join(ENGINES)}.",
            )
        arguments = f"({', '.join(map(quote_identifier, engine_arguments(table)))})"
        replicated = "Replicated" if self.cluster else ""
        names = {column.name for column in table.columns}
        parts = [
            f"{replicated}{table.engine}{arguments}",
            f"PARTITION BY {_term(table.partition_by, names)}" if table.partition_by else "",
            f"ORDER BY ({', '.join(_term(term, names) for term in table.order_by)})"
            if table.order_by
            else "ORDER BY tuple()",
            f"TTL {table.ttl}" if table.ttl else "",
            f"SETTINGS {render_settings(self.settings(table))}",
        ]
        return "\n".join(part for part in parts if part)

    def settings(self, table: SinkTable) -> Mapping[str, str | int | float]:
        """The engine's settings: what makes deduplication tokens count, then the file's."""
        window: dict[str, str | int | float] = {"non_replicated_deduplication_window": TOKENS_REMEMBERED}
        if self.cluster:
            window = {
                "replicated_deduplication_window": TOKENS_REMEMBERED,
                "replicated_deduplication_window_seconds": TOKENS_REMEMBERED_SECONDS,
            }
        return {**window, **table.settings}

    def alter(self, table: SinkTable, changes: Sequence[Change]) -> tuple[str, ...]:
        """ALTER TABLE, one statement for each kind of change that ClickHouse does not mix with another."""
        head = f"ALTER TABLE {quote_table(table.database, table.name)}{self._on_cluster} "
        kinds = ((ChangeSetting,), (AddColumn, WidenColumn, CommentColumn), (ChangeTtl,), (CommentTable,))
        grouped = ([_clause(change) for change in changes if isinstance(change, kind)] for kind in kinds)
        return tuple(head + ", ".join(clauses) for clauses in grouped if clauses)

    def drop_column(self, table: SinkTable, column: str) -> str:
        """ALTER TABLE ... DROP COLUMN, which loses its values; only ever shown to a person, never run by a load."""
        return f"ALTER TABLE {quote_table(table.database, table.name)}{self._on_cluster} DROP COLUMN {quote_identifier(column)}"

    def exchange(self, database: str, one: str, other: str) -> str:
        """EXCHANGE TABLES: atomic, a reader sees either table under a name."""
        return f"EXCHANGE TABLES {quote_table(database, one)} AND {quote_table(database, other)}{self._on_cluster}"

    def rename(self, database: str, old: str, new: str) -> str:
        """RENAME TABLE."""
        return f"RENAME TABLE {quote_table(database, old)} TO {quote_table(database, new)}{self._on_cluster}"

    def drop(self, database: str, name: str) -> str:
        """DROP TABLE IF EXISTS."""
        return f"DROP TABLE IF EXISTS {quote_table(database, name)}{self._on_cluster}"

    def replace_view(self, database: str, name: str, select: str, *, comment: str = "") -> str:
        """CREATE OR REPLACE VIEW: atomic, a reader sees the old or the new one."""
        said = f"\nCOMMENT {quote_string(comment)}" if comment else ""
        return f"CREATE OR REPLACE VIEW {quote_table(database, name)}{self._on_cluster} AS\n{select}{said}"

    def truncate(self, database: str, name: str) -> str:
        """TRUNCATE TABLE, which also forgets the deduplication tokens of what it drops."""
        return f"TRUNCATE TABLE {quote_table(database, name)}{self._on_cluster}"

    @property
    def _on_cluster(self) -> str:
        return f" ON CLUSTER {quote_identifier(self.cluster)}" if self.cluster else ""


def engine_arguments(table: SinkTable) -> tuple[str, ...]:
    """Columns that the engine takes: the version, and the mark that hides a row under FINAL."""
    if table.engine != "ReplacingMergeTree":
        return ()
    hides = table.tracks_deletes and table.hides_deleted
    return (VERSION_COLUMN, DELETED_COLUMN) if hides else (VERSION_COLUMN,)


def render_settings(settings: Mapping[str, str | int | float]) -> str:
    """`name = value, ...`. Raises `ConfigurationError` for a name that is none."""
    for name in settings:
        if not _SETTING_NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} is not the name of an engine setting.")
    return ", ".join(f"{name} = {render_literal(value)}" for name, value in settings.items())


def _clause(change: Change) -> str:
    match change:
        case AddColumn(column, after):
            place = f"AFTER {quote_identifier(after)}" if after else "FIRST"
            return f"ADD COLUMN IF NOT EXISTS {render_column(column)} {place}"
        case WidenColumn(name, type_):
            return f"MODIFY COLUMN {quote_identifier(name)} {type_}"
        case CommentColumn(name, comment):
            return f"COMMENT COLUMN {quote_identifier(name)} {quote_string(comment)}"
        case CommentTable(comment):
            return f"MODIFY COMMENT {quote_string(comment)}"
        case ChangeTtl(ttl):
            return f"MODIFY TTL {ttl}" if ttl else "REMOVE TTL"
        case ChangeSetting(name, value):
            return f"MODIFY SETTING {name} = {value}"


def _whole_key(key: str) -> str:
    """A key as `TableShape` has it, with the brackets that it needs."""
    return f"({key})" if len(split_list(key)) > 1 else key


def _term(term: str, names: set[str]) -> str:
    """A column's name, quoted; anything else is an expression of the file's author."""
    return quote_identifier(term) if term in names or term in (VERSION_COLUMN, SYNCED_AT_COLUMN) else term
