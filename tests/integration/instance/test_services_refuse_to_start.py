"""Each thing that may be wrong ends `serve` with one line that says which and what to do: real servers, real refusals."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg2
import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.instance.database_setup import OwnedDatabase, set_up
from scripts.servers.process import free_port
from scripts.servers.s3 import client_of, endpoint_of, running_s3
from scripts.servers.server import Server
from tests.integration.instance.older_server import calling_itself

ROOT = Path(__file__).parents[3]
BAR_SECONDS = 10.0
USER, PASSWORD, BUCKET = "dagster_refused", "known-dagster-password", "dagster-logs"


@dataclass
class Instance:
    """A production instance for which all is right, until a test spoils it.

    Attributes:
        variables: the whole environment of `serve`.
        admin_url: the server, as a superuser.
    """

    variables: dict[str, str]
    admin_url: str
    held: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Dagster's database, as its own user."""
        said = {name: self.variables[f"DAGSTER_POSTGRES_{name}"] for name in ("HOST", "PORT", "DB")}
        return f"postgresql://{USER}:{PASSWORD}@{said['HOST']}:{said['PORT']}/{said['DB']}"

    def run(self, statement: str, *, database: str = "") -> None:
        """As the superuser, in Dagster's database."""
        parts = urlsplit(self.admin_url)
        url = parts._replace(path=f"/{database or self.variables['DAGSTER_POSTGRES_DB']}").geturl()
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)

    def serve(self, service: str, *options: str) -> int:
        """Run the command in this process."""
        with patch.dict(os.environ, self.variables, clear=True):
            return main(["serve", service, *options])


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with running_s3(credentials="key:known-secret-key") as url:
        client_of(url).create_bucket(Bucket=BUCKET)
        yield endpoint_of(url)


@pytest.fixture
def instance(postgres_server: Server, s3_endpoint: str, tmp_path: Path) -> Iterator[Instance]:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(ROOT / "dagster_home/dagster.production.yaml", home / "dagster.yaml")
    shutil.copy(ROOT / "dagster_home/workspace.yaml", home)
    server = urlsplit(postgres_server.url)
    made = Instance(
        {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path),
            "DAGSTER_HOME": str(home),
            "DAGSTER_POSTGRES_HOST": str(server.hostname),
            "DAGSTER_POSTGRES_PORT": str(server.port),
            "DAGSTER_POSTGRES_DB": "dagster_refused",
            "DAGSTER_POSTGRES_USER": USER,
            "DAGSTER_POSTGRES_PASSWORD": PASSWORD,
            "DAGSTER_LOGS_BUCKET": BUCKET,
            "AWS_ENDPOINT_URL_S3": s3_endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "known-secret-key",
            "DAGSTER_CODE_SERVER_HOST": "127.0.0.1",
            "DAGSTER_GRPC_PORT": str(free_port()),
            "DAGSTER_WEBSERVER_PORT": str(free_port()),
        },
        postgres_server.url,
    )
    made.run("DROP DATABASE IF EXISTS dagster_refused WITH (FORCE)", database="postgres")
    set_up(postgres_server.url, OwnedDatabase("dagster_refused", USER, PASSWORD))
    yield made
    for held in made.held:
        held.close()


def pretend_schema(instance: Instance, revision: str) -> None:
    instance.run("CREATE TABLE runs (id int); CREATE TABLE alembic_version (version_num text)")
    instance.run(f"INSERT INTO alembic_version VALUES ('{revision}')")
    instance.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {USER}")


def forget(*names: str) -> Callable[[Instance], None]:
    def spoil(instance: Instance) -> None:
        for name in names:
            del instance.variables[name]

    return spoil


def say(**variables: str) -> Callable[[Instance], None]:
    def spoil(instance: Instance) -> None:
        instance.variables.update(variables)

    return spoil


def closed_port(variable: str, text: str = "{port}") -> Callable[[Instance], None]:
    def spoil(instance: Instance) -> None:
        instance.variables[variable] = text.format(port=free_port())

    return spoil


def take_port(variable: str) -> Callable[[Instance], None]:
    def spoil(instance: Instance) -> None:
        held = socket.create_server(("127.0.0.1", 0))
        instance.held.append(held)
        instance.variables[variable] = str(held.getsockname()[1])

    return spoil


def silent_s3(instance: Instance) -> None:
    held = socket.create_server(("127.0.0.1", 0))  # takes connections and never says a word
    instance.held.append(held)
    instance.variables["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{held.getsockname()[1]}"


def no_right_to_create(instance: Instance) -> None:
    instance.run(f"REVOKE CREATE ON SCHEMA public FROM {USER}; ALTER SCHEMA public OWNER TO CURRENT_USER")


def without_dagster_yaml(instance: Instance) -> None:
    (Path(instance.variables["DAGSTER_HOME"]) / "dagster.yaml").unlink()


@dataclass(frozen=True)
class Case:
    """One thing that is wrong, and words that the line must hold: which it is, and what to do."""

    service: str
    spoil: Callable[[Instance], None]
    words: tuple[str, ...]


CASES = {
    "missing variables": Case(
        "grpc",
        forget("DAGSTER_POSTGRES_USER", "DAGSTER_LOGS_BUCKET"),
        ("names DAGSTER_LOGS_BUCKET, DAGSTER_POSTGRES_USER, which are not set", ".env.example"),
    ),
    "missing variable of the workspace": Case(
        "daemon", forget("DAGSTER_CODE_SERVER_HOST"), ("workspace.yaml names DAGSTER_CODE_SERVER_HOST",)
    ),
    "missing secret file": Case(
        "grpc", say(MYSQL_URL_FILE="/nowhere/mysql"), ("MYSQL_URL_FILE names /nowhere/mysql", "Mount")
    ),
    "no instance file": Case(
        "webserver", without_dagster_yaml, ("There is no", "dagster.yaml", "DAGSTER_HOME")
    ),
    "wrong password": Case(
        "webserver",
        say(DAGSTER_POSTGRES_PASSWORD="another-known-password"),
        ("password authentication failed", "Correct DAGSTER_POSTGRES_HOST", "DAGSTER_POSTGRES_PASSWORD"),
    ),
    "wrong database": Case(
        "grpc", say(DAGSTER_POSTGRES_DB="nothing"), ('"nothing" does not exist', "setup_dagster_database.py")
    ),
    "server that does not listen": Case(
        "daemon",
        closed_port("DAGSTER_POSTGRES_PORT"),
        ("cannot be reached: Connection refused", "start the server"),
    ),
    "host that does not exist": Case(
        "grpc",
        say(DAGSTER_POSTGRES_HOST="db.invalid"),
        ("@db.invalid:", "cannot be reached", "Correct DAGSTER_"),
    ),
    "bucket that does not exist": Case(
        "grpc", say(DAGSTER_LOGS_BUCKET="nothing-here"), ("bucket nothing-here", "HTTP 404", "Create it")
    ),
    "S3 that does not listen": Case(
        "daemon",
        closed_port("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:{port}"),
        (f"bucket {BUCKET}", "Could not connect", "AWS_ENDPOINT_URL_S3"),
    ),
    "S3 that never answers": Case(
        "webserver", silent_s3, (f"bucket {BUCKET}", "timeout", "AWS_ENDPOINT_URL_S3")
    ),
    "code server's port taken": Case(
        "grpc",
        take_port("DAGSTER_GRPC_PORT"),
        ("is taken by another program", "End it, or set DAGSTER_GRPC_PORT"),
    ),
    "webserver's port taken": Case(
        "webserver", take_port("DAGSTER_WEBSERVER_PORT"), ("is taken", "set DAGSTER_WEBSERVER_PORT")
    ),
    "port that is none": Case(
        "grpc", say(DAGSTER_GRPC_PORT="4000x"), ("DAGSTER_GRPC_PORT is '4000x'", "65535")
    ),
    "older schema": Case(
        "grpc",
        lambda instance: pretend_schema(instance, "7e2f3204cf8e"),
        ("schema of an older Dagster (revision 7e2f3204cf8e", "python -m dagster_pipeline serve migrate"),
    ),
    "newer schema": Case(
        "daemon",
        lambda instance: pretend_schema(instance, "ffffffffffff"),
        ("schema of a newer Dagster", "newer image"),
    ),
    "empty database, no right to create": Case(
        "grpc", no_right_to_create, ("may create no tables in schema public", "setup_dagster_database.py")
    ),
}


def assert_one_line(printed: str, case: Case) -> None:
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    for word in case.words:
        assert word in printed
    assert "known-" not in printed


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_service_that_cannot_work_says_why_in_one_line(
    instance: Instance, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    case.spoil(instance)
    assert instance.serve(case.service) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert_one_line(printed.err, case)


def test_a_server_that_is_too_old_is_refused(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    host, port = (instance.variables[f"DAGSTER_POSTGRES_{name}"] for name in ("HOST", "PORT"))
    instance.variables["PGSSLMODE"] = "disable"
    with calling_itself(13, host, int(port)) as line:
        instance.variables["DAGSTER_POSTGRES_PORT"] = str(line)
        assert instance.serve("grpc") == 1
    assert_one_line(
        capsys.readouterr().err,
        Case("grpc", say(), ("is PostgreSQL 13, which is too old", "Use PostgreSQL 14")),
    )


def test_an_empty_database_gets_its_schema_and_then_all_is_right(instance: Instance) -> None:
    assert instance.serve("grpc", "--check") == 0
    with closing(psycopg2.connect(instance.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM alembic_version")
        assert cursor.fetchone() == (1,)
    assert instance.serve("daemon", "--check") == 0
    assert instance.serve("webserver", "--check") == 0


@pytest.mark.long
def test_migrate_brings_an_older_schema_forward(instance: Instance) -> None:
    assert instance.serve("grpc", "--check") == 0
    instance.run("UPDATE alembic_version SET version_num = '7e2f3204cf8e'")
    assert instance.serve("grpc", "--check") == 1
    command = [sys.executable, "-m", "dagster_pipeline", "serve", "migrate"]
    subprocess.run(command, env=instance.variables, cwd=ROOT, check=True, capture_output=True)
    assert instance.serve("grpc", "--check") == 0


@pytest.mark.long
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_process_ends_within_the_bar(instance: Instance, case: Case) -> None:
    case.spoil(instance)
    began = time.monotonic()
    command = [sys.executable, "-m", "dagster_pipeline", "serve", case.service]
    result = subprocess.run(
        command, env=instance.variables, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    seconds = time.monotonic() - began
    assert (result.returncode, result.stdout) == (1, "")
    assert_one_line(result.stderr, case)
    assert seconds < BAR_SECONDS
