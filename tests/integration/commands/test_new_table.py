"""`new-table` on real servers: what it writes validates and loads, and what it refuses leaves no file behind."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from dagster_pipeline.__main__ import main
from dagster_pipeline.connections import open_source, open_state, open_warehouse
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.sync.engine import TableSync
from tests.type_lab.databases import Database, MariaDbDatabase, PostgresDatabase

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["postgres", "mysql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    server = request.getfixturevalue(
        {"postgres": "postgres_server", "mysql": "mariadb_server"}[request.param]
    )
    kind = {"postgres": PostgresDatabase, "mysql": MariaDbDatabase}[request.param]
    made = kind(server.create_database("new_table"))
    q = made.quote
    moment = {"postgres": "timestamp", "mysql": "datetime"}[request.param]
    now = {"postgres": "now() AT TIME ZONE 'UTC'", "mysql": "UTC_TIMESTAMP()"}[request.param]
    made.run(
        f"CREATE TABLE order_lines (id bigint PRIMARY KEY, email varchar(99), total decimal(20,4) NOT NULL,"
        f" updated_at {moment} NOT NULL)"
    )
    made.run("CREATE INDEX by_change ON order_lines (updated_at)")
    made.run(f"INSERT INTO order_lines VALUES (1, 'a@b.c', 1.5, {now}), (2, NULL, 2, {now})")
    made.run(f"CREATE TABLE {q('order: no #1')} ({q('no')} int PRIMARY KEY, {q('a: b')} varchar(9))")
    made.run(f"INSERT INTO {q('order: no #1')} VALUES (7, 'x')")
    made.run("CREATE TABLE other (id int PRIMARY KEY)")
    yield made
    made.close()


@pytest.fixture
def settings(
    database: Database, warehouse_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    (tmp_path / "schemas").mkdir()
    variables = {
        "SCHEMAS_DIR": str(tmp_path / "schemas"),
        "CLICKHOUSE_URL": f"chdb://{warehouse_dir}",
        "STATE_URL": f"sqlite:///{tmp_path / 'state.sqlite'}",
        "MASK_KEY": "a key of the tests, long enough for hmac",
        f"{database.dialect.upper()}_NEW_TABLE_URL": database.url,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.from_environment(variables)


@pytest.fixture
def call(database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]) -> Call:
    def calling(*words: str, folder: str | None = None) -> tuple[int, str, str]:
        code = main(["new-table", folder or f"{database.dialect}/new_table", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return calling


def files(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.schemas_dir.rglob("*.yml"))


def loaded_rows(settings: Settings, table: str) -> int:
    (schema,) = [each for each in load_tables(settings) if each.source.table == table]
    run_id = uuid.uuid4().hex
    with (
        closing(open_state(settings)) as state,
        open_source(settings, schema) as source,
        open_warehouse(settings, run_id=run_id) as sink,
    ):
        TableSync(schema, source=source, sink=sink, state=state, run_id=run_id).run()
        place = f"`{schema.destination.database}`.`{schema.destination.table}`"
        ((rows,),) = sink.rows(f"SELECT count() FROM {place}")
    return int(str(rows))


def test_one_table_is_proposed_validates_and_loads(call: Call, settings: Settings) -> None:
    code, out, err = call("order_lines")
    assert (code, err) == (0, "")
    text = Path(out.strip()).read_text()
    file = yaml.safe_load(text)
    assert file["sync"] == {"mode": "incremental", "cursor": "updated_at", "deletes": "ignore"}
    assert "updated_at: indexed, no row without a value, newest 20" in text
    assert ", it moves" in text
    assert "about 2 rows: none needed" in text
    assert {each["name"]: each.get("mask") for each in file["columns"]}["email"] == "hmac_sha256"
    assert loaded_rows(settings, "order_lines") == 2


def test_a_pattern_takes_all_that_match_whatever_their_names(call: Call, settings: Settings) -> None:
    code, _, err = call("order*", "order_lines")
    assert (code, err) == (0, "")
    assert files(settings) == ["order_lines.yml", "order_no_1.yml"]
    assert loaded_rows(settings, "order: no #1") == 1


def test_print_writes_no_file(call: Call, settings: Settings) -> None:
    code, out, _ = call("order_lines", "--print")
    assert code == 0
    assert yaml.safe_load(out)["sync"]["cursor"] == "updated_at"
    assert files(settings) == []


def test_a_file_that_is_there_stays_unless_forced(call: Call, settings: Settings) -> None:
    path = Path(call("order_lines")[1].strip())
    path.write_text("mine")
    code, out, err = call("order_lines")
    assert (code, out) == (1, "")
    assert "is there already and was left alone; --force writes over it." in err
    assert path.read_text() == "mine"
    assert call("order_lines", "--force")[0] == 0
    assert path.read_text() != "mine"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("order_lines", "order_line"), "order_lines"),
        (("order_lines", "nothing_*"), "No table of"),
    ],
)
def test_a_missing_table_stops_all_before_a_file_is_written(
    call: Call, settings: Settings, words: tuple[str, ...], says: str
) -> None:
    code, out, err = call(*words)
    assert (code, out) == (1, "")
    assert says in err
    assert files(settings) == []


@pytest.mark.parametrize("folder", ["mysql", "mariadb/new_table", "mysql/a/b", "postgres/..", "mysql/"])
def test_a_wrong_folder_is_refused(call: Call, settings: Settings, folder: str) -> None:
    code, _, err = call("order_lines", folder=folder)
    assert code == 1
    assert "is no folder of tables" in err
    assert files(settings) == []


def test_another_connection_stands_in_the_file(
    call: Call, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{database.dialect.upper()}_REPLICA_URL", database.url)
    monkeypatch.delenv(f"{database.dialect.upper()}_NEW_TABLE_URL")
    code, out, _ = call("other", "--connection", "replica")
    assert code == 0
    assert yaml.safe_load(Path(out.strip()).read_text())["source"] == {"connection": "replica"}
    (loaded,) = load_tables(settings)
    assert loaded.source.connection == "replica"


def test_a_file_that_needs_a_hand_is_written_and_its_line_named(call: Call, database: Database) -> None:
    database.run("CREATE TABLE versions (id int PRIMARY KEY, _version int)")
    code, out, err = call("versions")
    assert code == 1
    lines = Path(out.strip()).read_text().splitlines()
    (line,) = [number for number, text in enumerate(lines, start=1) if "_version" in text]
    assert f"versions.yml:{line}:" in err
    assert "_version" in err
