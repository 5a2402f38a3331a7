"""TLS to real servers with certificates of our own: the right authority passes, everything else is refused and named."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from dagster_pipeline.connectors.server_facts import NeededTable
from dagster_pipeline.connectors.sources.base_source_connector import ReadRequest
from dagster_pipeline.connectors.sources.mysql.inspector import inspect_mysql
from dagster_pipeline.connectors.sources.postgres.inspector import inspect_postgres
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, PipelineError
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.local_server import LocalServer
from scripts.servers.mariadb import MariaDb
from scripts.servers.mariadb import connect as connect_mariadb
from scripts.servers.postgres import Postgres
from scripts.servers.process import Account
from scripts.servers.product import Product
from tests.contract.sources import both_sources
from tests.contract.sources.both_sources import text_of
from tests.integration.security.certificates import Certificates, make

PASSWORD = "heron-12-Lantern"
USER = "tls_reader"
OPTIONS = {
    "postgres": {
        "verify": "sslmode=verify-full&sslrootcert={}",
        "authority": "sslmode=verify-ca&sslrootcert={}",
        "encrypt": "sslmode=require",
        "clear": "sslmode=disable",
    },
    "mysql": {
        "verify": "ssl_mode=verify_identity&ssl_ca={}",
        "authority": "ssl_mode=verify_ca&ssl_ca={}",
        "encrypt": "ssl_mode=required",
        "clear": "ssl_mode=disabled",
    },
}


class TlsPostgres(Postgres):
    """PostgreSQL with our certificate; one user may come by TLS only."""

    certificates: Certificates

    def before_start(self, data: Path, *, account: Account, password: str) -> None:
        super().before_start(data, account=account, password=password)
        for source in (self.certificates.certificate, self.certificates.key):
            target = data / source.name
            shutil.copy(source, target)
            target.chmod(0o600)
            account.own(target)
        rules = data / "pg_hba.conf"
        rules.write_text(f"hostnossl all {USER} all reject\n{rules.read_text()}")

    def command(self, data: Path, *, port: int, durable: bool) -> list[str]:
        files = ("-c", "ssl=on", "-c", "ssl_cert_file=server.pem", "-c", "ssl_key_file=server.key")
        return [*super().command(data, port=port, durable=durable), *files]


class TlsMariaDb(MariaDb):
    """MariaDB with our certificate."""

    certificates: Certificates

    def before_start(self, data: Path, *, account: Account, password: str) -> None:
        super().before_start(data, account=account, password=password)
        for source in (self.certificates.certificate, self.certificates.key):
            target = data / source.name
            shutil.copy(source, target)
            target.chmod(0o600)
            account.own(target)

    def command(self, data: Path, *, port: int, durable: bool) -> list[str]:
        files = (f"--ssl-cert={data}/server.pem", f"--ssl-key={data}/server.key")
        return [*super().command(data, port=port, durable=durable), *files]


@dataclass
class Lab:
    """A server with TLS, a table `t` of one row, and a user who must use TLS."""

    dialect: str
    port: int
    certificates: Certificates

    def url(self, options: str, *, host: str = "localhost") -> str:
        scheme = "postgresql" if self.dialect == "postgres" else "mysql"
        filled = OPTIONS[self.dialect][options].format(self.certificates.authority)
        return f"{scheme}://{USER}:{PASSWORD}@{host}:{self.port}/lab?{filled}"

    def encrypted(self, url: str) -> bool | None:
        """What the server says of the connection."""
        inspect: Any = inspect_postgres if self.dialect == "postgres" else inspect_mysql
        table = NeededTable("public" if self.dialect == "postgres" else "", "t", ("id", "note"))
        facts = inspect(_parsed(url), database="lab", tables=[table], seconds=20)
        assert [grant.what for grant in facts.missing if grant.required] == []
        answer: bool | None = facts.encrypted
        return answer

    def read(self, url: str) -> bytes:
        """The rows, over the connection that rows take."""
        columns = {"id": "int" if self.dialect == "mysql" else "integer", "note": "text"}
        server = both_sources.Server(self.dialect, url, lambda: None)
        request = ReadRequest(mappings=tuple(text_of(self.dialect, name) for name in columns))
        with server.source(columns) as source, source.stream(request) as batches:
            return b"".join(batch.payload for batch in batches)


def _parsed(url: str) -> DatabaseUrl:
    return DatabaseUrl.parse(url, variable="SOURCE_URL", schemes=())


def _postgres_content(url: str) -> None:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        cursor.execute("CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t VALUES (1, 'over TLS')")
        cursor.execute(f"GRANT SELECT ON t TO {USER}; GRANT CREATE ON SCHEMA public TO {USER}")


def _mariadb_content(url: str) -> None:
    with closing(connect_mariadb(url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE USER {USER} IDENTIFIED BY '{PASSWORD}' REQUIRE SSL")
        cursor.execute("CREATE TABLE t (id int PRIMARY KEY, note text)")
        cursor.execute("INSERT INTO t VALUES (1, 'over TLS')")
        cursor.execute(f"GRANT SELECT ON lab.* TO {USER}")


@pytest.fixture(scope="module", params=["postgres", "mysql"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A server of our own: one that a variable names has not our certificates."""
    directory = Path(tempfile.mkdtemp(prefix="dagster-pipeline-tls-"))
    directory.chmod(0o711)
    certificates = make(directory)
    product: Product = TlsPostgres() if request.param == "postgres" else TlsMariaDb()
    if not product.is_installed():
        pytest.skip(f"{product.title}'s programs are not on this machine")
    product.certificates = certificates  # type: ignore[attr-defined]  # of both classes above
    server = LocalServer(product, directory, durable=False, ends_with_us=True)
    try:
        server.start()
        url = server.create_database("lab")
        (_postgres_content if request.param == "postgres" else _mariadb_content)(url)
        yield Lab(request.param, _parsed(url).port, certificates)
    finally:
        server.remove()
        shutil.rmtree(directory)


def test_the_right_authority_and_name_pass(lab: Lab) -> None:
    url = lab.url("verify")
    assert lab.encrypted(url) is True
    assert b"over TLS" in lab.read(url)


def test_encryption_without_verification_works_with_any_certificate(lab: Lab) -> None:
    url = lab.url("encrypt")
    assert lab.encrypted(url) is True
    assert b"over TLS" in lab.read(url)


def test_the_authority_alone_may_be_verified(lab: Lab) -> None:
    url = lab.url("authority", host="127.0.0.1")
    assert lab.encrypted(url) is True
    assert b"over TLS" in lab.read(url)


@pytest.mark.parametrize("way", ["encrypted", "read"])
def test_another_authority_is_refused(lab: Lab, way: str) -> None:
    url = lab.url("verify").replace(str(lab.certificates.authority), str(lab.certificates.stranger))
    with pytest.raises(PipelineError) as raised:
        getattr(lab, way)(url)
    assert isinstance(raised.value, ConfigurationError), raised.value
    assert "SOURCE_URL" in str(raised.value)
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("way", ["encrypted", "read"])
def test_another_host_name_is_refused(lab: Lab, way: str) -> None:
    with pytest.raises(PipelineError) as raised:
        getattr(lab, way)(lab.url("verify", host="127.0.0.1"))
    assert isinstance(raised.value, ConfigurationError), raised.value
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("way", ["encrypted", "read"])
def test_a_connection_in_the_clear_is_refused_by_a_server_that_wants_tls(lab: Lab, way: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        getattr(lab, way)(lab.url("clear"))
    assert PASSWORD not in str(raised.value)


def test_the_state_store_verifies_too(lab: Lab) -> None:
    if lab.dialect != "postgres":
        pytest.skip("the state store is SQLite or PostgreSQL")
    with closing(StateManager(_parsed(lab.url("verify")))) as store:
        assert store.tables() == ()
    wrong = lab.url("verify").replace(str(lab.certificates.authority), str(lab.certificates.stranger))
    with closing(StateManager(_parsed(wrong))) as store, pytest.raises(PipelineError) as raised:
        store.tables()
    assert isinstance(raised.value, ConfigurationError), raised.value
    assert PASSWORD not in str(raised.value)
