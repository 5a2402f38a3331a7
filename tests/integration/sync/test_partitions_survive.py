"""Partitions while others work and while runs are killed: a reader finds each of them whole, always."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.engine import TableSync
from dagster_pipeline.sync.partition_slice import partition_slice
from scripts.servers.clickhouse_http import running_front
from tests.integration.sync.partitioned_tables import DAYS, Row, Shop, arrived

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("loading_process.py")
DEADLINE = 60.0
CHANGES = (
    "UPDATE orders SET note = note || '!' WHERE id % 7 = 0",
    "DELETE FROM orders WHERE id % 5 = 0",
    "INSERT INTO orders SELECT id + 1000000 + (SELECT max(id) FROM orders), region, 'new', at FROM orders WHERE id % 11 = 0",
)
"""Of every day, each time they are made; no key is given twice."""


@dataclass(frozen=True)
class Place:
    """Where one test's table comes from and goes to."""

    shop: Shop
    schema: TableSchema
    warehouse: str
    state: Path

    def load(self, keys: Sequence[str]) -> None:
        """In this process."""
        state = StateManager(parse(f"sqlite:///{self.state}"))
        part = partition_slice(self.schema, keys)
        with closing(state), self.shop.open(self.schema) as source, self.open() as sink:
            TableSync(self.schema, source=source, sink=sink, state=state, run_id=keys[0], part=part).run()

    def run(self, keys: Sequence[str], **facts: object) -> subprocess.CompletedProcess[str]:
        """In a process of its own, always as the same run."""
        file = self.state.with_name("facts.json")
        known = {"schemas": str(self.shop.folder), "source": self.shop.url, "warehouse": self.warehouse}
        file.write_text(json.dumps({**known, "state": f"sqlite:///{self.state}", "keys": keys, **facts}))
        return subprocess.run(
            [sys.executable, str(WORKER), str(file)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )

    def open(self) -> ClickHouseSink:
        return ClickHouseSink(parse(self.warehouse))

    def arrived_by_day(self) -> dict[str, list[Row]]:
        with self.open() as sink:
            return by_day(arrived(sink, self.schema))


def parse(text: str) -> DatabaseUrl:
    return DatabaseUrl.parse(text, variable="URL", schemes=())


def by_day(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {day: [row for row in rows if row[3].startswith(day)] for day in DAYS}


def place(server: Any, tmp_path: Path, shape: str, warehouse: str) -> Place:
    shop = Shop("postgres", server.create_database("shop"), tmp_path / "schemas", "shop")
    shop.fill()
    return Place(shop, shop.write_file(shape), warehouse, tmp_path / "state.sqlite")


def killed(call: str, when: str, nth: int) -> dict[str, object]:
    return {"call": call, "when": when, "nth": nth}


@pytest.mark.parametrize(
    ("shape", "moments"),
    [
        ("day in a month", [killed("commit_chunk", "before", 2), killed("close_load", "before", 1)]),
        ("day in a day", [killed("run", "after", 5)]),
    ],
)
def test_a_killed_run_leaves_each_partition_whole_and_its_retry_finishes(
    shape: str, moments: list[dict[str, object]], postgres_server: Any, tmp_path: Path, warehouse_dir: Path
) -> None:
    """The embedded engine dies with the run."""
    here = place(postgres_server, tmp_path, shape, f"chdb://{warehouse_dir}")
    here.load(DAYS)
    for moment in moments:
        before = here.arrived_by_day()
        here.shop.execute(*CHANGES)
        after = by_day(here.shop.rows(here.shop.where(DAYS)))
        assert all(before[day] != after[day] for day in DAYS)
        run = here.run(DAYS, die_at=moment)
        assert run.returncode == -signal.SIGKILL, run.stderr
        found = here.arrived_by_day()
        assert all(found[day] in (before[day], after[day]) for day in DAYS)
        with closing(StateManager(parse(f"sqlite:///{here.state}"))) as state:
            for lock in state.locks():
                state.release_lock(lock.table, partition=lock.partition)
        retry = here.run(DAYS)
        assert retry.returncode == 0, retry.stderr
        assert json.loads(retry.stdout)["resumed"]
        assert here.arrived_by_day() == after
        with here.open() as sink:
            assert sink.rows("SELECT name FROM system.tables WHERE database = 'shop'") == [("orders",)]


@pytest.mark.parametrize("shape", ["day in a month", "day in a month, no key"])
def test_runs_of_different_partitions_work_at_once_and_a_reader_finds_each_whole(
    shape: str, postgres_server: Any, tmp_path: Path, warehouse_dir: Path
) -> None:
    with running_front(warehouse_dir, password="s3cret") as front:
        here = place(postgres_server, tmp_path, shape, front.url)
        here.load(DAYS)
        before = here.arrived_by_day()
        here.shop.execute(*CHANGES)
        after = by_day(here.shop.rows(here.shop.where(DAYS)))
        errors: list[BaseException] = []

        def work(day: str) -> None:
            try:
                here.load([day])
            except BaseException as error:  # noqa: BLE001 -- a thread hands on whatever ended it
                errors.append(error)

        runs = [threading.Thread(target=work, args=(day,)) for day in DAYS]
        for run in runs:
            run.start()
        seen: list[dict[str, list[Row]]] = []
        while any(run.is_alive() for run in runs):
            seen.append(here.arrived_by_day())
        for run in runs:
            run.join()
        assert not errors
        for moment in seen:
            assert all(moment[day] in (before[day], after[day]) for day in DAYS)
        assert len(seen) > 1
        assert here.arrived_by_day() == after
