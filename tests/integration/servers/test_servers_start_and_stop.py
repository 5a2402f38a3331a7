"""Real servers of this machine's programs: what a start, a stop, a crash and a second start leave behind."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg2
import pytest

from scripts.servers import mariadb
from scripts.servers.__main__ import main
from scripts.servers.local_server import LocalServer
from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.process import ServerError, find_process, wait_until_ended
from scripts.servers.product import Product
from scripts.servers.server import Server


def enterable_directory() -> Path:
    """An empty directory that the servers' accounts may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="dagster-pipeline-servers-"))
    path.chmod(0o711)
    return path


@pytest.fixture
def directory() -> Iterator[Path]:
    path = enterable_directory()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module", params=[Postgres(), MariaDb()], ids=["postgres", "mariadb"])
def product(request: pytest.FixtureRequest) -> Product:
    return request.param


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """The directory of `server`."""
    path = enterable_directory()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def shared(product: Product, home: Path) -> Iterator[LocalServer]:
    server = LocalServer(product, home, durable=False, ends_with_us=True)
    yield server
    server.remove()


@pytest.fixture
def server(shared: LocalServer) -> LocalServer:
    """A server that runs; a test may end it, but not spoil its data."""
    shared.start()
    return shared


@pytest.fixture
def fresh(product: Product, directory: Path) -> Iterator[LocalServer]:
    """A running server of one test alone, in `directory`; durable, as the demo's."""
    server = LocalServer(product, directory, ends_with_us=True)
    server.start()
    yield server
    server.remove()


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement on either product and commit."""
    connection = psycopg2.connect(url) if url.startswith("postgresql") else mariadb.connect(url)
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        rows = list(cursor.fetchall()) if cursor.description else []
        connection.commit()
    finally:
        connection.close()
    return rows


def test_data_address_and_password_survive_a_restart(server: LocalServer) -> None:
    url = server.create_database("kept")
    execute(url, "CREATE TABLE t AS SELECT 7 AS n")
    server.restart()
    assert execute(url, "SELECT n FROM t") == [(7,)]


def test_a_killed_server_starts_again_with_what_was_committed(server: LocalServer) -> None:
    url = server.create_database("killed")
    execute(url, "CREATE TABLE t AS SELECT 7 AS n")
    execute(url, "INSERT INTO t VALUES (8)")
    server.kill()
    assert server.process is None
    server.start()
    assert execute(url, "SELECT n FROM t ORDER BY n") == [(7,), (8,)]


def test_a_running_server_is_reused_by_another_program(
    server: LocalServer, product: Product, home: Path
) -> None:
    another = LocalServer(product, home)
    another.start()
    assert another.process == server.process
    assert another.url == server.url


def test_a_new_database_replaces_an_old_one_even_while_it_is_in_use(server: LocalServer) -> None:
    url = server.create_database("twice")
    execute(url, "CREATE TABLE t_of_twice (n int)")
    held = psycopg2.connect(url) if url.startswith("postgresql") else mariadb.connect(url)
    server.create_database("twice")
    held.close()
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 't_of_twice'"
    assert execute(url, tables) == [(0,)]


def test_a_record_whose_pid_went_to_another_program_ends_nobody(
    server: LocalServer, product: Product, home: Path
) -> None:
    server.kill()
    bystander = subprocess.Popen(["sleep", "60"])
    record = home / f"{product.name}.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": bystander.pid}))
    server.stop()
    assert bystander.poll() is None
    server.start()
    assert server.process.pid != bystander.pid
    bystander.kill()
    bystander.wait()


def test_it_runs_as_an_ordinary_user_on_the_loopback_only(server: LocalServer) -> None:
    assert server.process.uids().effective != 0
    connections = server.process.net_connections("inet")
    listening = [connection.laddr for connection in connections if connection.status == psutil.CONN_LISTEN]
    assert listening == [("127.0.0.1", urlsplit(server.url).port)]


@pytest.mark.parametrize("wrong", ["", "wrong"])
def test_nobody_gets_in_without_the_password(server: LocalServer, wrong: str) -> None:
    password = urlsplit(server.url).password
    with pytest.raises(Exception, match=r"(?i)password|denied"):
        execute(server.url.replace(password, wrong), "SELECT 1")


def test_the_password_is_for_our_eyes_only(server: LocalServer, product: Product, home: Path) -> None:
    password = urlsplit(server.url).password
    assert stat.S_IMODE((home / f"{product.name}.json").stat().st_mode) == 0o600
    assert password not in " ".join(server.process.cmdline())
    assert password not in (home / f"{product.name}.log").read_text(errors="replace")
    files = [path for path in (home / product.name).iterdir() if path.is_file()]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_a_port_that_somebody_took_meanwhile_is_given_up(server: LocalServer) -> None:
    port = urlsplit(server.url).port
    server.stop()
    listen = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print(flush=True); input()"
    thief = subprocess.Popen([sys.executable, "-c", listen], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    thief.stdout.readline()
    server.start()
    assert urlsplit(server.url).port != port
    thief.communicate(b"\n")


def test_a_data_directory_that_was_never_finished_is_laid_out_again(
    fresh: LocalServer, product: Product, directory: Path
) -> None:
    fresh.stop()
    data = directory / product.name / "data"
    data.rename(data.with_suffix(".draft"))
    fresh.start()
    assert fresh.create_database("works")


def test_a_server_that_cannot_start_shows_the_end_of_its_log(
    fresh: LocalServer, product: Product, directory: Path
) -> None:
    fresh.stop()
    spoiled = {"postgres": "PG_VERSION", "mariadb": "ibdata1"}[product.name]
    (directory / product.name / "data" / spoiled).write_text("spoiled")
    with pytest.raises(ServerError, match=rf"did not start(?s:.*){product.name}.log") as caught:
        fresh.start()
    assert "[ERROR]" in str(caught.value) or "FATAL" in str(caught.value)
    assert fresh.process is None


def test_a_removed_server_leaves_neither_process_nor_data(fresh: LocalServer, directory: Path) -> None:
    pid = fresh.process.pid
    fresh.remove()
    assert find_process(pid, mark=directory) is None
    assert sorted(path.suffix for path in directory.iterdir()) == [".lock", ".log"]


def test_a_lock_file_whose_pid_went_to_another_program_does_not_keep_postgres_from_starting(
    directory: Path,
) -> None:
    server = LocalServer(Postgres(), directory, durable=False, ends_with_us=True)
    server.start()
    account = server.process.uids().real
    server.kill()
    bystander = subprocess.Popen(["sleep", "60"], user=account)
    lock = directory / "postgres" / "data" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
    server.start()
    assert server.process
    server.remove()
    bystander.kill()
    bystander.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as another user")
def test_a_project_in_a_private_directory_gets_its_data_where_the_server_may_go(directory: Path) -> None:
    directory.chmod(0o700)
    server = LocalServer(Postgres(), directory / "below", durable=False, ends_with_us=True)
    server.start()
    home = Path(server.process.cwd())
    assert directory not in home.parents
    server.remove()
    assert not home.exists()


HANGING_TEST = """
def test_hangs(mariadb_server, postgres_server):
    print("pids", mariadb_server.process.pid, postgres_server.process.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_servers_of_a_test_session_end_with_it(directory: Path, death: signal.Signals) -> None:
    (directory / "test_that_hangs.py").write_text(HANGING_TEST)
    shutil.copy(Path("tests/conftest.py"), directory)
    options = ["-s", "-p", "no:cacheprovider", "--rootdir", str(directory), "-c", os.devnull, str(directory)]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("TEST_")}
    session = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**variables, "PYTHONPATH": str(Path.cwd()), "TMPDIR": str(directory)},
    )
    pids = next(line for line in session.stdout if "pids" in line).split("pids")[1].split()
    servers = [psutil.Process(int(pid)) for pid in pids]
    session.send_signal(death)
    session.communicate(timeout=120)
    assert wait_until_ended(servers, seconds=60)


def test_two_programs_that_start_at_once_share_one_server(directory: Path) -> None:
    command = [sys.executable, "-m", "scripts.servers", "--directory", str(directory), "start"]
    try:
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        first, second = (program.communicate()[0] for program in both)
        assert "process" in first
        assert first == second
    finally:
        main(["--directory", str(directory), "remove"])


def test_the_command_line_starts_says_where_and_stops(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTGRES_URL", raising=False)
    monkeypatch.delenv("MYSQL_URL", raising=False)
    said = {}
    for command in ("start", "status", "stop", "remove"):
        assert main(["--directory", str(directory), command]) == 0
        said[command] = capsys.readouterr().out.splitlines()
    assert said["start"] == said["status"]
    assert all("process" in line for line in said["start"])
    assert said["stop"] == said["remove"] == ["PostgreSQL: not running", "MariaDB: not running"]


@pytest.mark.parametrize("fixture", ["postgres_server", "mariadb_server"])
def test_the_sessions_servers_give_databases(fixture: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(fixture)
    url = server.create_database("servers_own")
    execute(url, "CREATE TABLE t AS SELECT 7 AS n")
    assert execute(url, "SELECT n FROM t") == [(7,)]
