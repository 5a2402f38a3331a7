"""The demo as `make demo` runs it, on servers and directories of its own, and what it leaves behind."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scripts.demo.compare import TABLES, ComparedTable, query
from scripts.demo.databases import Database, databases
from scripts.demo.environment import Places, choose_servers
from scripts.servers.process import ServerError

COMPARE_AGAIN = """
import sys
from pathlib import Path
from scripts.demo.databases import databases
from scripts.demo.environment import Places, choose_servers
from scripts.demo.run import _comparisons
places = Places(Path(sys.argv[1]), Path(sys.argv[1]))
servers = choose_servers(places)
for result in _comparisons(databases(mysql=servers.mysql, postgres=servers.postgres), places):
    print(result.table.asset, *result.differences)
"""


@pytest.fixture(scope="module", autouse=True)
def _own_servers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MYSQL_URL", raising=False)
        patch.delenv("POSTGRES_URL", raising=False)
        yield


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    # Not below pytest's own directory, which the servers' accounts may not enter.
    local = Path(tempfile.mkdtemp(prefix="dagster-pipeline-demo-"))
    local.chmod(0o711)
    home = local / "dagster_home"
    home.mkdir()
    shutil.copy("dagster_home/dagster.yaml", home)
    places = Places(local=local, dagster_home=home)
    yield places
    servers = choose_servers(places)
    servers.mysql.remove()
    servers.postgres.remove()
    shutil.rmtree(local)


def run_demo(places: Places) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.demo.run", "--local", str(places.local)]
    return subprocess.run(
        [*command, "--dagster-home", str(places.dagster_home)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def first_demo(places: Places) -> subprocess.CompletedProcess[str]:
    return run_demo(places)


@pytest.fixture(scope="module")
def sources(first_demo: subprocess.CompletedProcess[str], places: Places) -> dict[str, Database]:
    servers = choose_servers(places)
    found = databases(mysql=servers.mysql, postgres=servers.postgres)
    return {database.name: database for database in found}


def test_the_demo_ends_with_seven_tables_that_equal_their_sources(
    first_demo: subprocess.CompletedProcess[str],
) -> None:
    assert first_demo.returncode == 0, first_demo.stdout + first_demo.stderr
    assert len(re.findall(r"^\w+/\w+ .* equal$", first_demo.stdout, re.MULTILINE)) == 7


def test_the_demo_shows_no_password(
    first_demo: subprocess.CompletedProcess[str], sources: dict[str, Database], places: Places
) -> None:
    shown = first_demo.stdout + first_demo.stderr + places.log.read_text(errors="replace")
    for database in sources.values():
        password = re.search(r":([^:@]+)@", database.server.url)
        assert password
        assert password.group(1) not in shown


def test_the_sample_data_has_about_two_hundred_thousand_rows(sources: dict[str, Database]) -> None:
    rows = [int(_sums(sources, table)[0]) for table in TABLES]
    assert sum(rows) == pytest.approx(200_000, rel=0.05)


@pytest.mark.parametrize("path", sorted(Path("schemas").glob("*/*/[!_]*.yml")), ids=lambda path: path.stem)
def test_the_sources_catalog_has_the_types_of_the_table_file(
    sources: dict[str, Database], path: Path
) -> None:
    if path.parent.name not in sources:
        pytest.skip("not a table of the demo")
    columns = yaml.safe_load(path.read_text())["columns"]
    database = sources[path.parent.name]
    described = _catalog(database, path.stem)
    expected = [
        (column["name"], _stored_type(column["type"], database), column.get("nullable", False))
        for column in columns
    ]
    assert described == expected


def test_a_change_of_one_letter_at_the_source_is_seen(sources: dict[str, Database], places: Places) -> None:
    for name, statement in {
        "amtdb": "UPDATE customers SET notes = CONCAT(LEFT(notes, 5), 'x', SUBSTR(notes, 7)) WHERE id = 101",
        "sentinel": "UPDATE devices SET labels = labels, model = overlay(model placing 'x' from 2 for 1)"
        " WHERE serial_number = 'SN-00000700'",
    }.items():
        with sources[name].connect() as connection:
            connection.cursor().execute(statement)
    said = subprocess.run(
        [sys.executable, "-c", COMPARE_AGAIN, str(places.local)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": "."},
    ).stdout.splitlines()
    assert "amtdb/customers notes" in said
    assert "sentinel/devices model" in said
    assert sum(" " in line for line in said) == 2


def test_a_database_that_the_demo_did_not_make_is_not_replaced(sources: dict[str, Database]) -> None:
    for dialect in ("mysql", "postgres"):
        server = next(database.server for database in sources.values() if database.dialect == dialect)
        theirs = Database("somebodys", dialect, server)
        server.create_database("somebodys")
        with theirs.connect() as connection:
            connection.cursor().execute("CREATE TABLE precious (n int)")
        with pytest.raises(ServerError, match=f"somebodys.*{server.product.variable}"):
            theirs.fill()
        assert theirs.one_row("SELECT COUNT(*) FROM precious") == (0,)


def test_filling_twice_gives_the_same_data(sources: dict[str, Database]) -> None:
    seen = []
    for _ in range(2):
        for database in sources.values():
            database.fill()
        seen.append([_sums(sources, table) for table in TABLES])
    assert seen[0] == seen[1]


def test_a_second_demo_works_too(places: Places, sources: dict[str, Database]) -> None:
    again = run_demo(places)
    assert again.returncode == 0, again.stdout + again.stderr
    assert len(re.findall(r"^\w+/\w+ .* equal$", again.stdout, re.MULTILINE)) == 7


def test_a_second_demo_at_the_same_time_is_kept_out(places: Places) -> None:
    lock = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", lock, str(places.local / "demo.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    holder.stdout.readline()
    refused = run_demo(places)
    holder.communicate(b"\n")
    assert refused.returncode == 1
    assert "at work" in refused.stderr


def _sums(sources: dict[str, Database], table: ComparedTable) -> tuple[object, ...]:
    database = sources[table.database]
    return tuple(database.one_row(query(table, database.dialect)))


def _stored_type(written: str, database: Database) -> str:
    """MariaDB stores JSON as LONGTEXT (mariadb.com/kb/en/json-data-type); `enum` is our word before a PostgreSQL enum."""
    if database.dialect == "postgres" or written != "json":
        return written.removeprefix("enum ")
    return "longtext" if "MariaDB" in database.one_row("SELECT VERSION()")[0] else written


def _catalog(database: Database, table: str) -> list[tuple[str, str, bool]]:
    """Name, type and nullability of each column, in the table's order; display widths left out, but tinyint(1)'s."""
    if database.dialect == "postgres":
        statement = (
            "SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull FROM pg_attribute"
            f" WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum"
        )
    else:
        statement = (
            "SELECT column_name, column_type, is_nullable = 'YES' FROM information_schema.columns"
            f" WHERE table_schema = '{database.name}' AND table_name = '{table}' ORDER BY ordinal_position"
        )
    with database.connect() as connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        rows = cursor.fetchall()
    width = re.compile(r"^(?!tinyint\(1\)$)((?:tiny|small|medium|big)?int|year)\(\d+\)")
    return [(name, width.sub(r"\1", type_), bool(nullable)) for name, type_, nullable in rows]
