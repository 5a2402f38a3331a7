"""A run that is killed with SIGKILL leaves the old snapshot or the new one, whole; the next run leaves exactly the new one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.snapshots import killed_run
from tests.integration.snapshots.house import DAILY, House

OLD, NEW = 1_000, 2_000
SLOW = '{table: shop/accounts, where: "NOT ignore(sleepEachRow(0.0005))"}'
"""The insert takes a second, so that it is killed in its middle."""


@pytest.mark.parametrize(
    ("point", "shown"),
    [("within the insert", "old"), ("before the replacement", "old"), ("after the replacement", "new")],
)
def test_a_killed_run_leaves_a_whole_snapshot_and_the_next_one_the_right_one(
    house: House, point: str, shown: str
) -> None:
    house.write(daily=DAILY.replace("{table: shop/accounts}", SLOW))
    house.make_tables()
    for count, status, version in ((OLD, "old", 1), (NEW, "new", 2)):
        house.insert(
            "accounts",
            "id, status, balance, updated_at, _version",
            f"SELECT number, '{status}', 1, '2026-01-01 00:00:00', {version} FROM numbers({count})",
        )
        if status == "old":
            house.take("daily", killed_run.KEY)
    command = [sys.executable, "-m", "tests.integration.snapshots.killed_run"]
    done = subprocess.run(
        [*command, str(house.root), str(house.warehouse), point],
        check=False,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    states = "SELECT status, count(), uniqExact(id) FROM snapshots.daily GROUP BY status"
    assert house.rows(states) == [(shown, *([OLD] * 2 if shown == "old" else [NEW] * 2))]
    stagings = "SELECT count() FROM system.tables WHERE name LIKE '%__staging_%'"
    assert house.rows(stagings) == [(1,)]
    (again,) = house.take("daily", killed_run.KEY)
    assert again.rows == NEW
    assert house.rows(states) == [("new", NEW, NEW)]
    assert house.rows(stagings) == [(0,)]
