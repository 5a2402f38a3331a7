"""Real users with too few rights on real servers: each missing right is named, and the statement that is named cures it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from dagster_pipeline.connectors.server_facts import NeededTable, ServerFacts
from dagster_pipeline.connectors.sink.clickhouse.inspector import inspect_clickhouse, missing_grants
from dagster_pipeline.connectors.sink.clickhouse.transport import EmbeddedTransport
from dagster_pipeline.connectors.sink.clickhouse.warehouse import Warehouse
from dagster_pipeline.connectors.sources.mysql.inspector import inspect_mysql
from dagster_pipeline.connectors.sources.postgres.inspector import inspect_postgres
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.state.inspector import StateFacts, inspect_state
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.mariadb import connect as connect_mariadb
from scripts.servers.product import with_database
from scripts.servers.server import Server

PASSWORD = "eagle-98-Kiosk"
DATABASE = "rights `lab`"


def address(text: str, *, user: str) -> DatabaseUrl:
    url = DatabaseUrl.parse(text, variable="SOURCE_URL", schemes=())
    return DatabaseUrl(
        scheme=url.scheme, host=url.host, port=url.port, user=user, password=PASSWORD, variable="SOURCE_URL"
    )


class MariaDbLab:
    """A database with two tables, and a user without any right."""

    user = "rights@lab"
    account = "`rights@lab`@`%`"

    def __init__(self, server: Server) -> None:
        self._admin = server.url
        server.create_database(DATABASE)
        self.url = address(server.url, user=self.user)
        self.run(
            "CREATE TABLE `rights ``lab```.orders (id int PRIMARY KEY, note text, secret text)",
            "CREATE TABLE `rights ``lab```.people (id int PRIMARY KEY)",
            f"DROP USER IF EXISTS {self.account}",
            f"CREATE USER {self.account} IDENTIFIED BY '{PASSWORD}'",
        )

    def run(self, *statements: str) -> None:
        with closing(connect_mariadb(self._admin)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def examine(self, *tables: str) -> ServerFacts:
        columns = {"orders": ("id", "note"), "people": ("id",), "gone": ("id",)}
        needed = [NeededTable("", table, columns[table]) for table in tables]
        return inspect_mysql(self.url, database=DATABASE, tables=needed, seconds=20)


class PostgresLab:
    """The same in PostgreSQL, in a schema of its own."""

    user = 'rights "lab"'
    account = '"rights ""lab"""'

    def __init__(self, server: Server) -> None:
        self._admin = server.create_database("rights_lab")
        self._server = server.url
        self.url = address(server.url, user=self.user)
        self.run(
            'CREATE SCHEMA "s p"',
            'CREATE TABLE "s p".orders (id int PRIMARY KEY, note text, secret text)',
            'CREATE TABLE "s p".people (id int PRIMARY KEY)',
            f"DROP ROLE IF EXISTS {self.account}",
            f"CREATE ROLE {self.account} LOGIN PASSWORD '{PASSWORD}'",
        )

    def run(self, *statements: str) -> None:
        with closing(psycopg2.connect(self._admin)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    def examine(self, *tables: str) -> ServerFacts:
        columns = {"orders": ("id", "note"), "people": ("id",), "gone": ("id",)}
        needed = [NeededTable("s p", table, columns[table]) for table in tables]
        return inspect_postgres(self.url, database="rights_lab", tables=needed, seconds=20)

    def drop(self) -> None:
        self.run(f"DROP OWNED BY {self.account}")
        with closing(psycopg2.connect(with_database(self._server, "postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("DROP DATABASE rights_lab WITH (FORCE)")
                cursor.execute(f"DROP ROLE {self.account}")


@pytest.fixture
def mariadb(mariadb_server: Server) -> Iterator[MariaDbLab]:
    lab = MariaDbLab(mariadb_server)
    yield lab
    lab.run(f"DROP USER {lab.account}", "DROP DATABASE `rights ``lab```")


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[PostgresLab]:
    lab = PostgresLab(postgres_server)
    yield lab
    lab.drop()


def test_mariadb_rights_are_named_and_cured(mariadb: MariaDbLab) -> None:
    facts = mariadb.examine("orders", "people")
    assert [(grant.what, grant.required) for grant in facts.missing] == [
        (f"SELECT on {DATABASE}", True),
        ("PROCESS", False),
    ]
    mariadb.run(*(grant.statement for grant in facts.missing))
    assert mariadb.examine("orders", "people").missing == ()


def test_a_mariadb_column_is_granted_alone(mariadb: MariaDbLab) -> None:
    mariadb.run(
        f"GRANT PROCESS ON *.* TO {mariadb.account}",
        f"GRANT SELECT (id) ON `rights ``lab```.orders TO {mariadb.account}",
    )
    facts = mariadb.examine("orders", "people")
    assert [grant.what for grant in facts.missing] == [
        f"SELECT on {DATABASE}.{t}" for t in ("orders", "people")
    ]
    assert "rows of note cannot" in facts.missing[0].why
    mariadb.run(*(grant.statement for grant in facts.missing))
    assert mariadb.examine("orders", "people").missing == ()
    mariadb.run(f"GRANT SELECT ON `rights ``lab```.* TO {mariadb.account}")
    assert mariadb.examine("orders", "gone").absent == (f"{DATABASE}.gone",)


def test_postgres_rights_are_named_and_cured(postgres: PostgresLab) -> None:
    facts = postgres.examine("orders", "people")
    assert [(grant.what, grant.required) for grant in facts.missing] == [
        ("SELECT on s p.orders", True),
        ("SELECT on s p.people", True),
        ("USAGE on schema s p", True),
        ("pg_read_all_stats", False),
    ]
    postgres.run(*(grant.statement for grant in facts.missing))
    assert postgres.examine("orders", "people").missing == ()
    assert postgres.examine("gone").absent == ("s p.gone",)


def test_a_postgres_column_is_granted_alone(postgres: PostgresLab) -> None:
    postgres.run(
        f"GRANT pg_read_all_stats TO {postgres.account}",
        f'GRANT USAGE ON SCHEMA "s p" TO {postgres.account}',
        f'GRANT SELECT (id) ON "s p".orders TO {postgres.account}',
    )
    (missing,) = postgres.examine("orders").missing
    assert missing.statement == f'GRANT SELECT ("note") ON TABLE "s p"."orders" TO {postgres.account};'
    postgres.run(missing.statement)
    assert postgres.examine("orders").missing == ()


def test_row_security_that_hides_rows_is_named(postgres: PostgresLab) -> None:
    postgres.run(
        f"GRANT pg_read_all_stats TO {postgres.account}",
        f'GRANT USAGE ON SCHEMA "s p" TO {postgres.account}',
        f'GRANT SELECT ON "s p".orders TO {postgres.account}',
        'ALTER TABLE "s p".orders ENABLE ROW LEVEL SECURITY',
    )
    (missing,) = postgres.examine("orders").missing
    assert missing.what == "BYPASSRLS for s p.orders"
    postgres.run(missing.statement)
    assert postgres.examine("orders").missing == ()


def test_the_right_to_connect_is_named(postgres: PostgresLab) -> None:
    postgres.run("REVOKE CONNECT ON DATABASE rights_lab FROM PUBLIC")
    with pytest.raises(ConfigurationError, match="GRANT CONNECT ON DATABASE") as raised:
        postgres.examine("orders")
    assert PASSWORD not in str(raised.value)


def state_of(postgres: PostgresLab) -> StateFacts:
    url = DatabaseUrl.parse(with_database(postgres._admin, "rights_lab"), variable="STATE_URL", schemes=())
    mine = DatabaseUrl(
        scheme="postgresql", host=url.host, port=url.port, user=postgres.user, password=PASSWORD,
        database="rights_lab", variable="STATE_URL",
    )  # fmt: skip
    return inspect_state(mine, seconds=20)


def test_rights_of_the_state_store_are_named_and_cured(postgres: PostgresLab) -> None:
    postgres.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    facts = state_of(postgres)
    assert not facts.exists
    assert [grant.what for grant in facts.server.missing] == ["CREATE on schema public"]
    postgres.run(*(grant.statement for grant in facts.server.missing))
    assert state_of(postgres).server.missing == ()

    admin = DatabaseUrl.parse(postgres._admin, variable="STATE_URL", schemes=())
    with closing(StateManager(admin)) as store:
        store.tables()
    facts = state_of(postgres)
    assert "SELECT, INSERT, UPDATE, DELETE on public.pipeline_chunks" in [
        one.what for one in facts.server.missing
    ]
    postgres.run(*(grant.statement for grant in facts.server.missing))
    facts = state_of(postgres)
    assert facts.server.missing == ()
    assert facts.exists
    assert facts.is_current


def test_clickhouse_is_asked_by_check_grant(warehouse_dir: Path) -> None:
    url = DatabaseUrl.parse(f"chdb://{warehouse_dir}", variable="CLICKHOUSE_URL", schemes=())
    facts = inspect_clickhouse(url, databases=["with `tick`", "amtdb"], cluster=None, seconds=20)
    assert facts.missing == ()
    assert facts.disks[0].free > 0
    assert not facts.notes


def test_a_clickhouse_right_that_is_missing_is_named(warehouse_dir: Path) -> None:
    """The embedded engine's one user may do nearly everything; it may not make users, which stands in for any right."""
    url = DatabaseUrl.parse(f"chdb://{warehouse_dir}", variable="CLICKHOUSE_URL", schemes=())
    wanted = [("SELECT", "amtdb.*", "no check", True), ("CREATE USER", "*.*", "no user", True)]
    with closing(
        Warehouse(EmbeddedTransport(warehouse_dir, holder="", lock_wait_seconds=20), url=url)
    ) as warehouse:
        (missing,) = missing_grants(warehouse.rows, wanted, "pipe`line")
    assert missing.what == "CREATE USER on *.*"
    assert missing.statement == "GRANT CREATE USER ON *.* TO `pipe\\`line`;"
