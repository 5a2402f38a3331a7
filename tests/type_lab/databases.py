"""A source database as the laboratory sees it: how to write a table there, and how that server itself prints a value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2
import pymysql

from dagster_pipeline.connectors.sources.mysql.connector import MySQLSource
from dagster_pipeline.connectors.sources.postgres.connector import PostgresSource
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import Dialect, TableSchema
from tests.type_lab import catalog_mysql, catalog_postgres
from tests.type_lab.case import TypeCase
from tests.type_lab.wire import MYSQL_SESSION, POSTGRES_SESSION

Rows = list[tuple[Any, ...]]


class Database(ABC):
    """One database on a real server, over a connection whose session prints values in one way only."""

    dialect: Dialect
    cases: tuple[TypeCase, ...]
    refused: tuple[str, ...]
    text: str
    moment: str
    hostile: tuple[str, ...]
    harmless: tuple[str, ...]

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = urlsplit(url).path.lstrip("/")

    @abstractmethod
    def run(self, statement: str) -> Rows:
        """Run a statement and return its rows, if it has any."""

    @abstractmethod
    def quote(self, name: str) -> str:
        """An identifier."""

    @abstractmethod
    def source(self, schema: TableSchema) -> MySQLSource | PostgresSource:
        """The project's own connector."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""

    @property
    def product(self) -> str:
        """Name and version of the server."""
        ((version,),) = self.run("SELECT VERSION()")
        if self.dialect == "postgres":
            return f"PostgreSQL {version.split()[1]}"
        return f"{'MariaDB' if 'mariadb' in version.lower() else 'MySQL'} {version.split('-')[0]}"

    def printed(self, expression: str) -> str:
        """The expression as text that does not depend on a character set."""
        return expression

    def create(self, table: str, columns: Sequence[str], *, key: str = "id") -> None:
        """A table with `id`, `changed_at` and these columns."""
        own = (f"{self.quote('id')} bigint NOT NULL", f"{self.quote('changed_at')} {self.moment} NOT NULL")
        body = ", ".join((*own, *columns, f"PRIMARY KEY ({key})"))
        self.run(f"DROP TABLE IF EXISTS {self.quote(table)}")
        self.run(f"CREATE TABLE {self.quote(table)} ({body})")

    @contextmanager
    def with_hostile_defaults(self) -> Iterator[None]:
        """What a server's owner may have set for everybody who connects; our own connection was opened before."""
        try:
            for statement in self.hostile:
                self.run(statement.format(database=self.quote(self.name)))
            yield
        finally:
            for statement in self.harmless:
                self.run(statement.format(database=self.quote(self.name)))


class PostgresDatabase(Database):
    """PostgreSQL."""

    dialect: Dialect = "postgres"
    cases = catalog_postgres.CASES
    refused = catalog_postgres.REFUSED
    text = catalog_postgres.TEXT
    moment = "timestamp with time zone"
    _defaults = (
        ("TimeZone", "'Asia/Kathmandu'"),
        ("DateStyle", "'SQL, DMY'"),
        ("IntervalStyle", "'sql_standard'"),
        ("bytea_output", "'escape'"),
        ("extra_float_digits", "-15"),
        ("standard_conforming_strings", "off"),
        ("client_encoding", "'LATIN1'"),
        ("xmloption", "'document'"),
        ("lc_monetary", "'C'"),
        ("search_path", "'pg_catalog'"),
        ("statement_timeout", "'10min'"),
        ("default_transaction_isolation", "'serializable'"),
        ("enable_seqscan", "off"),
        ("array_nulls", "off"),
    )
    hostile = tuple(f"ALTER DATABASE {{database}} SET {name} = {value}" for name, value in _defaults)
    harmless = ("ALTER DATABASE {database} RESET ALL",)

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._connection = psycopg2.connect(url)
        self._connection.autocommit = True
        for statement in (*POSTGRES_SESSION, *catalog_postgres.SETUP):
            self.run(statement)

    def run(self, statement: str) -> Rows:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def source(self, schema: TableSchema) -> PostgresSource:
        return PostgresSource(schema, url=DatabaseUrl.parse(self.url, variable="LAB_URL", schemes=()))

    def close(self) -> None:
        self._connection.close()


class MariaDbDatabase(Database):
    """MariaDB, or MySQL."""

    dialect: Dialect = "mysql"
    refused = catalog_mysql.REFUSED
    text = catalog_mysql.TEXT
    moment = "datetime(6)"
    _globals = (
        "time_zone",
        "sql_mode",
        "character_set_server",
        "collation_server",
        "init_connect",
        "div_precision_increment",
    )
    _MODES = (
        "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE,NO_ZERO_IN_DATE,STRICT_ALL_TABLES,"
        "PAD_CHAR_TO_FULL_LENGTH,HIGH_NOT_PRECEDENCE,REAL_AS_FLOAT,NO_UNSIGNED_SUBTRACTION"
    )
    hostile = (
        "SET GLOBAL time_zone = '+05:45'",
        f"SET GLOBAL sql_mode = '{_MODES}'",
        "SET GLOBAL character_set_server = 'latin1'",
        "SET GLOBAL collation_server = 'latin1_german1_ci'",
        "SET GLOBAL init_connect = 'SET NAMES koi8r, lc_time_names = ''de_DE'''",
        "SET GLOBAL div_precision_increment = 0",
    )

    def __init__(self, url: str) -> None:
        super().__init__(url)
        parts = urlsplit(url)
        self._connection = pymysql.connect(
            host=parts.hostname or "",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=self.name,
            charset="utf8mb4",
            autocommit=True,
        )
        for statement in (*MYSQL_SESSION, f"SET sql_mode = '{catalog_mysql.INSERT_MODE}'"):
            self.run(statement)
        ((version,),) = self.run("SELECT VERSION()")
        own = catalog_mysql.MARIADB_ONLY if "mariadb" in str(version).lower() else ()
        self.cases = (*catalog_mysql.CASES, *own)
        names = ", ".join(f"@@GLOBAL.{name}" for name in self._globals)
        (values,) = self.run(f"SELECT {names}")
        self.harmless = tuple(
            f"SET GLOBAL {name} = {self._literal(value)}"
            for name, value in zip(self._globals, values, strict=True)
        )

    def run(self, statement: str) -> Rows:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def quote(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def printed(self, expression: str) -> str:
        return f"CONVERT({expression} USING utf8mb4)"

    def create(self, table: str, columns: Sequence[str], *, key: str = "id") -> None:
        super().create(table, columns, key=key)
        self.run(f"ALTER TABLE {self.quote(table)} DEFAULT CHARSET utf8mb4")

    def source(self, schema: TableSchema) -> MySQLSource:
        return MySQLSource(schema, url=DatabaseUrl.parse(self.url, variable="LAB_URL", schemes=()))

    def close(self) -> None:
        self._connection.close()

    @staticmethod
    def _literal(value: Any) -> str:
        return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
