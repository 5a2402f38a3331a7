"""The `state` command over both stores, and its script as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.state.records import TableState
from dagster_pipeline.state.state_manager import StateManager
from tests.contract.state.loads import CREATED, TABLE, a_load, run

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "sync_state_backfill.py"


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def state(
    store_url: DatabaseUrl, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    monkeypatch.setenv("STATE_URL", store_url.raw)

    def call(*words: object) -> Outcome:
        code = main(["state", *map(str, words)])
        said = capsys.readouterr()
        assert not store_url.password or store_url.password not in said.out + said.err
        return Outcome(code, said.out, said.err)

    return call


State = Callable[..., Outcome]


def test_an_empty_store_says_so(state: State, store_url: DatabaseUrl) -> None:
    outcome = state("list")
    assert (outcome.code, outcome.out) == (0, "The state store knows no table yet.\n")
    assert store_url.redacted in outcome.err


def test_list_shows_cursor_progress_and_lock(state: State, store: StateManager) -> None:
    run(store, a_load("amtdb/other", advance_to="2026-03-01", partition="eu"), rows=42)
    load = a_load(chunks=3)
    store.open_load(load)
    store.start_chunk(load.load_id, 0)
    store.commit_chunk(load.load_id, 0, rows=1, bytes_=1, seconds=1.0)
    with store.lock(TABLE, owner="run 4711"):
        text, data = state("list").out, state("list", "--json").data
    head, accounts, other = (line.split() for line in text.splitlines())
    assert head[:3] == ["TABLE", "PARTITION", "CURSOR"]
    assert accounts[:4] == [TABLE, "-", "-", "0"]
    assert other[:5] == ["amtdb/other", "eu", "2026-03-01", "0", "42"]
    assert f"{load.load_id} (1 of 3 chunks)" in text
    assert "run 4711" in text
    assert data["tables"][0]["open_load"]["chunks"] == {"planned": 2, "started": 0, "done": 1}
    assert data["locks"][0]["owner"].startswith("run 4711")


def test_a_lock_on_a_table_that_never_loaded_is_listed(state: State, store: StateManager) -> None:
    with store.lock(TABLE, owner="run 4711", partition="eu"):
        assert "run 4711" in state("list").out


def test_show_gives_the_whole_ledger(state: State, store: StateManager) -> None:
    load = a_load(chunks=3)
    store.open_load(load)
    assert state("show", "--table", TABLE).out.count("chunk ") == 3
    shown = state("show", "--table", TABLE, "--json").data
    assert [chunk["index"] for chunk in shown["open_load"]["chunks"]] == [0, 1, 2]
    assert shown["open_load"]["created_at"] == load.created_at.isoformat()


def test_a_table_that_is_not_known_is_an_error_that_says_what_is(state: State, store: StateManager) -> None:
    store.set_cursor(TABLE, "1", partition="eu")
    for action in ("show", "reset"):
        outcome = state(action, "--table", TABLE, "--partition", "us")
        assert (outcome.code, outcome.out) == (1, "")
        assert "Its partitions: eu." in outcome.err


def test_nothing_changes_without_apply(state: State, store: StateManager, tmp_path: Path) -> None:
    for load in (a_load(), a_load(), a_load()):
        run(store, load)
    left = a_load()
    store.open_load(left)
    before = store.tables()
    export = tmp_path / "export.json"
    state("export", "--output", export)
    export.write_text(export.read_text().replace("2026-03-29 01:00:00", "elsewhere"))
    with store.lock(TABLE, owner="run 4711"):
        for words in (
            ("set", "--table", TABLE, "--cursor", "9"),
            ("reset", "--table", TABLE),
            ("import", export),
            ("release-lock", "--table", TABLE),
            ("prune", "--days", 1),
        ):
            outcome = state(*words)
            assert outcome.code == 0
            assert outcome.out.endswith("Nothing was changed. Add --apply to do it.\n")
            assert state(*words, "--json").data["applied"] is False
        assert len(store.locks()) == 1
    assert store.tables() == before
    assert store.count_prunable(CREATED.replace(year=2100)) == 2


def test_set_moves_the_cursor_and_abandons_the_open_load(state: State, store: StateManager) -> None:
    load = a_load(partition="eu")
    store.open_load(load)
    outcome = state("set", "--table", TABLE, "--partition", "eu", "--cursor", "9", "--apply")
    assert (
        outcome.out
        == f"{TABLE}, partition eu: cursor - -> 9. Load {load.load_id} (0 of 2 chunks) is abandoned.\n"
    )
    assert store.read(TABLE, "eu") == TableState(TABLE, "eu", cursor="9")
    assert store.locks() == ()


def test_reset_forgets_one_cursor_or_every_partitions(state: State, store: StateManager) -> None:
    for partition in ("asia", "eu", "us"):
        store.set_cursor(TABLE, "1", partition=partition)
    state("reset", "--table", TABLE, "--partition", "eu", "--apply")
    assert [state_.cursor for state_ in store.tables()] == ["1", None, "1"]
    changes = state("reset", "--table", TABLE, "--all-partitions", "--apply", "--json").data["changes"]
    assert [(change["partition"], change["cursor_before"]) for change in changes] == [
        ("asia", "1"),
        ("eu", None),
        ("us", "1"),
    ]
    assert {state_.cursor for state_ in store.tables()} == {None}


def test_a_table_that_a_run_works_on_is_not_changed(
    state: State, store: StateManager, tmp_path: Path
) -> None:
    store.set_cursor(TABLE, "1")
    export = tmp_path / "export.json"
    state("export", "--output", export)
    with store.lock(TABLE, owner="run 4711"):
        for words in (
            ("set", "--table", TABLE, "--cursor", "9"),
            ("reset", "--table", TABLE),
            ("import", export),
        ):
            outcome = state(*words, "--apply")
            assert (outcome.code, outcome.out) == (1, "")
            assert "run 4711" in outcome.err
    assert store.read(TABLE).cursor == "1"


def test_an_export_restores_another_store(state: State, store: StateManager, tmp_path: Path) -> None:
    run(store, a_load(advance_to="x\0'😀", partition="eu"), rows=None)
    store.next_version(TABLE, above=41)
    load = a_load(chunks=3)
    store.open_load(load)
    store.start_chunk(load.load_id, 0)
    store.commit_chunk(load.load_id, 0, rows=7, bytes_=8, seconds=1.0)
    before = store.tables()
    document = state("export").out
    export = tmp_path / "export.json"
    export.write_text(document)

    store.next_version(TABLE, above=99)
    state("set", "--table", TABLE, "--partition", "eu", "--cursor", "elsewhere", "--apply")
    state("set", "--table", TABLE, "--cursor", "elsewhere", "--apply")
    assert state("import", export, "--apply").code == 0
    assert store.tables() == tuple(replace(table, version=100) for table in before)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"\xff", "cannot be read"),
        (b"{", "no JSON document"),
        (b'{"format": 2, "tables": []}', "format 1"),
        (b'{"format": 1, "tables": [{"table": 5}]}', "tables.0.table"),
        (b'{"format": 1, "tables": [{"table": "a/b", "rows": "5"}]}', "tables.0.rows"),
        (b'{"format": 1, "tables": [{"table": "a/b", "curser": "5"}]}', "tables.0.curser"),
        (b'{"format": 1, "tables": [{"table": "a/b", "version": -1}]}', "version -1"),
        (
            b'{"format": 1, "tables": [{"table": "a/b", "last_success_at": "2026-01-01T00:00:00"}]}',
            "time zone",
        ),
    ],
)
def test_a_file_that_is_no_export_changes_nothing(
    state: State, store: StateManager, tmp_path: Path, wrong: bytes, said: str
) -> None:
    export = tmp_path / "export.json"
    export.write_bytes(wrong)
    outcome = state("import", export, "--apply")
    assert outcome.code == 1
    assert said in outcome.err
    assert store.tables() == ()


def test_release_lock_frees_the_table_of_a_dead_run(state: State, store: StateManager) -> None:
    with store.lock(TABLE, owner="run 4711"):
        outcome = state("release-lock", "--table", TABLE, "--apply")
        assert "run 4711" in outcome.out
        with store.lock(TABLE, owner="run 4712"):
            pass
    assert state("release-lock", "--table", TABLE, "--apply").out == f"{TABLE} is not locked.\n"


def test_prune_says_how_many_ledgers_went(state: State, store: StateManager) -> None:
    for _ in range(3):
        run(store, a_load(created_at=CREATED.replace(year=2020)))
    assert state("prune", "--days", 30).out.startswith("2 load(s)")
    assert state("prune", "--days", 30, "--apply", "--json").data["changes"][0]["loads"] == 2
    assert state("prune", "--days", 30, "--apply").out.startswith("0 load(s)")


@pytest.mark.parametrize(
    "words", [(), ("set", "--table", TABLE), ("prune", "--days", "0"), ("list", "--apply")]
)
def test_wrong_usage_has_its_own_exit_code(state: State, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        state(*words)
    assert ended.value.code == 2


def test_the_script_is_the_same_command(store_url: DatabaseUrl, store: StateManager, tmp_path: Path) -> None:
    store.set_cursor(TABLE, "1")
    ran = subprocess.run(
        [sys.executable, SCRIPT, "list", "--json"],
        cwd=tmp_path,
        env={"STATE_URL": store_url.raw},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout)["tables"][0]["cursor"] == "1"
