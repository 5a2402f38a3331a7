"""A process that exports is really killed, at every moment that matters, and the next run finishes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.exports.export_case import ExportCase
from tests.contract.exports.export_rig import ExportRig

ROWS = 150_000  # more than one block, also where small ones are joined
MOMENTS = ["1", "before publish"]
LONG = ["0", "after publish", "after stage", "before stage"]


@pytest.fixture
def own_rig(case: ExportCase, tmp_path: Path) -> Iterator[ExportRig]:
    """With a warehouse of its own, which the killed process opens, too."""
    (tmp_path / "warehouse").mkdir()
    rig = ExportRig(tmp_path, case)
    yield rig
    rig.close()


def _killed(rig: ExportRig, moment: str) -> None:
    rig.leave_warehouse()
    words = [sys.executable, "-m", "tests.contract.exports.exporting_process", str(rig.folder)]
    ended = subprocess.run([*words, json.dumps(rig.case.environment()), moment], check=False, timeout=240)
    assert ended.returncode == -signal.SIGKILL
    rig.state.release_lock("exports/orders")  # it expires by itself, too


def _survives(rig: ExportRig, mode: str, moment: str) -> None:
    rig.orders(rig.describe(mode))
    rig.put_many(0, 10, note="old")
    rig.run()
    rig.put_many(5 if mode == "merge" else 10, ROWS)
    _killed(rig, moment)
    rig.run()
    rig.run()
    assert rig.seen() == rig.expected()
    assert rig.case.leftovers() == []


def test_an_append_that_was_killed_adds_each_row_once(own_rig: ExportRig):
    """One kill after the other, the moments that matter most in one test: starting a process costs seconds."""
    rig = own_rig
    rig.orders(rig.describe("append"))
    first = 0
    for moment in MOMENTS:
        rig.put_many(first, ROWS)
        first += ROWS
        _killed(rig, moment)
        rig.run()
    rig.run()
    seen = sorted(row[0] for row in rig.case.rows(["id"]))
    assert seen == list(range(first))
    assert rig.case.leftovers() == []


@pytest.mark.long
@pytest.mark.parametrize("moment", [*MOMENTS, *LONG])
@pytest.mark.parametrize("mode", ["replace", "merge", "append"])
def test_the_next_run_finishes_what_a_killed_one_began(own_rig: ExportRig, mode: str, moment: str):
    _survives(own_rig, mode, moment)


@pytest.mark.long
@pytest.mark.parametrize("mode", ["replace", "merge", "append"])
def test_a_run_that_is_killed_while_it_publishes_is_finished(own_rig: ExportRig, mode: str):
    if not own_rig.case.moments:
        pytest.skip("this sink publishes by one request")
    for moment in own_rig.case.moments:
        own_rig.describe(mode)
        rig = ExportRig(own_rig.folder, own_rig.case)
        rig.orders(rig.describe(mode))
        rig.put_many(int(rig.warehouse.rows("SELECT count() FROM shop.orders")[0][0]), 1_000)
        _killed(rig, moment)
        rig.run()
        assert rig.seen() == rig.expected()
        rig.close()
    assert own_rig.case.leftovers() == []


def test_a_load_that_another_file_began_is_begun_anew(own_rig: ExportRig):
    rig = own_rig
    rig.orders(rig.describe("replace"))
    rig.put_many(0, 100)
    _killed(rig, "after stage")
    rig.describe("replace", columns=[{"name": "id"}, {"name": "note", "from": "upper(note)"}])
    (load,) = rig.state.open_loads("exports/orders")
    result = rig.run()
    assert load.load_id not in (result.load, *result.finished)
    assert {note for (note,) in rig.case.rows(["note"])} == {f"N{number}" for number in range(100)}
    assert rig.case.leftovers() == []
