"""`state rebuild` and `state reread` on a real source and warehouse: a lost state store, and rows corrected behind the cursor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagster_pipeline.__main__ import main
from tests.type_lab.databases import Database, MariaDbDatabase, PostgresDatabase
from tests.type_lab.laboratory import Laboratory

ROWS = 3_000
Call = Callable[..., tuple[int, Any, str]]


@pytest.fixture(params=["postgres", "mysql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    server = request.getfixturevalue(
        {"postgres": "postgres_server", "mysql": "mariadb_server"}[request.param]
    )
    kind = {"postgres": PostgresDatabase, "mysql": MariaDbDatabase}[request.param]
    made = kind(server.create_database("state_recovery"))
    yield made
    made.close()


@pytest.fixture
def laboratory(database: Database, warehouse_dir: Path, tmp_path: Path) -> Iterator[Laboratory]:
    made = Laboratory(database, f"chdb://{warehouse_dir}", tmp_path)
    database.create("orders", ["note varchar(30)"])
    numbers = {
        "postgres": f"SELECT generate_series(1, {ROWS}) AS seq",
        "mysql": f"SELECT seq FROM seq_1_to_{ROWS}",
    }
    moment = {
        "postgres": "timestamptz '2024-01-01' + seq * interval '1 s'",
        "mysql": "'2024-01-01' + INTERVAL seq SECOND",
    }
    database.run(
        f"INSERT INTO orders SELECT seq, {moment[database.dialect]}, 'first' FROM ({numbers[database.dialect]}) numbers"
    )
    yield made
    made.close()


@pytest.fixture
def call(
    laboratory: Laboratory,
    warehouse_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    database = laboratory.database
    monkeypatch.setenv("CLICKHOUSE_URL", f"chdb://{warehouse_dir}")
    monkeypatch.setenv("STATE_URL", f"sqlite:///{tmp_path / 'state.sqlite'}")
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "files_0"))
    monkeypatch.setenv(f"{database.dialect.upper()}_STATE_RECOVERY_URL", database.url)

    def calling(*words: str) -> tuple[int, Any, str]:
        code = main(["state", *words, "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return calling


def load(laboratory: Laboratory) -> int:
    kind = {"postgres": "character varying(30)", "mysql": "varchar(30)"}[laboratory.database.dialect]
    return laboratory.load(
        "orders", [{"name": "note", "type": kind, "nullable": True}], mode="incremental"
    ).moved.rows


def is_equal(laboratory: Laboratory) -> bool:
    stored = laboratory.sink.rows("SELECT id, note FROM lab.orders FINAL ORDER BY id")
    return stored == laboratory.database.run("SELECT id, note FROM orders ORDER BY id")


def test_a_lost_cursor_is_found_by_comparing_and_what_was_missing_is_mended(
    laboratory: Laboratory, call: Call
) -> None:
    assert load(laboratory) == ROWS
    lost = laboratory.state.read("lab/orders")
    laboratory.database.run("UPDATE orders SET note = 'behind' WHERE id = 7")  # the cursor does not see this
    laboratory.database.run("INSERT INTO orders VALUES (100001, '2024-02-01', 'new')")
    laboratory.state.set_cursor("lab/orders", None)

    code, report, _ = call("rebuild", "--table", "lab/orders")
    (change,) = report["changes"]
    assert (code, report["applied"], change["equal"]) == (0, False, False)
    assert change["cursor_after"].startswith("2024-02-01") or change["cursor_after"] < "2024-02-01"
    assert laboratory.state.read("lab/orders").cursor is None
    assert not is_equal(laboratory)

    code, report, _ = call("rebuild", "--table", "lab/orders", "--apply")
    (change,) = report["changes"]
    assert (code, report["applied"], change["loaded_again"]) == (0, True, 2)
    assert is_equal(laboratory)
    state = laboratory.state.read("lab/orders")
    assert state.cursor == change["cursor_after"]
    assert state.version > lost.version
    assert load(laboratory) <= 1  # nothing but the last value's own rows


def test_a_range_is_read_again_and_the_cursor_stays(laboratory: Laboratory, call: Call) -> None:
    load(laboratory)
    before = laboratory.state.read("lab/orders")
    laboratory.database.run("UPDATE orders SET note = 'corrected' WHERE id BETWEEN 11 AND 20")
    words = (
        "reread",
        "--table",
        "lab/orders",
        "--from",
        "2024-01-01 00:00:11",
        "--to",
        "2024-01-01 00:00:20",
    )

    code, report, _ = call(*words)
    assert (code, report["applied"], report["changes"][0]["rows_at_source"]) == (0, False, 10)
    assert not is_equal(laboratory)

    code, report, _ = call(*words, "--apply")
    assert (code, report["applied"], report["changes"][0]["rows_loaded"]) == (0, True, 10)
    assert is_equal(laboratory)
    assert laboratory.state.read("lab/orders").cursor == before.cursor


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rebuild", "--table", "lab/ordres"), "lab/orders"),
        (("reread", "--table", "lab/orders"), "--from"),
        (("reread", "--table", "lab/orders", "--from", "yesterday evening"), "yesterday evening"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_cure(
    laboratory: Laboratory, call: Call, words: tuple[str, ...], said: str
) -> None:
    load(laboratory)
    code, _, err = call(*words)
    assert code == 1
    assert said in err
