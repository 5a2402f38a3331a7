"""A run is really killed at several points, one after the other; the next runs finish its work, and no row is written twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.contract.sources.both_sources import Server
from tests.integration.reverse_etl.flow_rig import FlowRig

ROOT = Path(__file__).parents[3]
ROWS = 40
PREPARE = [
    "CREATE DATABASE IF NOT EXISTS scores_src",
    "CREATE TABLE IF NOT EXISTS scores_src.scores (id UInt32, note String, score Int32) ENGINE = MergeTree ORDER BY tuple()",
    "TRUNCATE TABLE scores_src.scores",
    f"INSERT INTO scores_src.scores SELECT number, 'new', number FROM numbers({ROWS})",
]
AUDIT = {
    "postgres": (
        "CREATE TABLE audit (id bigint, what text)",
        """CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO audit VALUES (COALESCE(NEW.id, OLD.id), TG_OP); RETURN NULL; END $$""",
        "CREATE TRIGGER watch AFTER INSERT OR UPDATE OR DELETE ON scores FOR EACH ROW EXECUTE FUNCTION watch()",
    ),
    "mysql": (
        "CREATE TABLE audit (id bigint, what varchar(10))",
        "CREATE TRIGGER w1 AFTER INSERT ON scores FOR EACH ROW INSERT INTO audit VALUES (NEW.id, 'INSERT')",
        "CREATE TRIGGER w2 AFTER UPDATE ON scores FOR EACH ROW INSERT INTO audit VALUES (NEW.id, 'UPDATE')",
        "CREATE TRIGGER w3 AFTER DELETE ON scores FOR EACH ROW INSERT INTO audit VALUES (OLD.id, 'DELETE')",
    ),
}
POINTS = [
    ("books", "compute", "after", 1),  # the difference is frozen, nothing is written
    ("books", "save_images", "after", 2),  # written and not committed
    ("books", "acknowledge", "before", 1),  # committed and not acknowledged
    ("books", "acknowledge", "after", 1),  # acknowledged, the ledger does not know
    ("state", "close_load", "before", 1),  # everything is done but for the last word
]


def _run(facts: dict[str, Any], *, die_at: tuple[Any, ...] | None = None) -> dict[str, Any] | None:
    named = facts | ({"die_at": die_at} if die_at else {})
    command = [sys.executable, "-m", "tests.integration.reverse_etl.writing_process", json.dumps(named)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600, check=False)
    if die_at:
        assert done.returncode == -signal.SIGKILL, done.stderr
        return None
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.timeout(900)
def test_a_run_that_is_killed_twice_writes_each_row_once(server: Server, tmp_path: Path):
    _kill_and_converge(server, tmp_path, POINTS[1:3])


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_run_that_is_killed_at_every_point_writes_each_row_once(server: Server, tmp_path: Path):
    _kill_and_converge(server, tmp_path, POINTS)


def _kill_and_converge(server: Server, tmp_path: Path, points: Sequence[tuple[str, str, str, int]]) -> None:
    server.run(
        "CREATE TABLE scores (id bigint PRIMARY KEY, note varchar(50), score int)",
        "INSERT INTO scores VALUES (0, 'old', 0), (1, 'new', 1), (39, 'old', 1), (99, 'theirs', 99)",
        *AUDIT[server.dialect],
    )
    facts = {
        "folder": str(tmp_path),
        "warehouse": f"chdb://{tmp_path}/warehouse",
        "target": server.url,
        "dialect": server.dialect,
        "keys": {"mode": "mirror", "batch_rows": 10},
    }
    for index, point in enumerate(points):
        _run(facts | ({"prepare": PREPARE} if index == 0 else {}), die_at=point)
    last = _run(facts)
    assert last is not None
    rig = FlowRig.__new__(FlowRig)
    rig.server = server
    assert rig.found() == [(number, "new", number) for number in range(ROWS)]
    written = rig.found("SELECT id, what FROM audit ORDER BY id, what")
    once = {number: "UPDATE" if number in (0, 39) else "INSERT" for number in range(ROWS) if number != 1}
    assert written == sorted([*once.items(), (99, "DELETE")])
