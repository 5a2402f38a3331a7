"""A load that sets rows aside is really killed between its two writes, and after both; nothing is lost, nothing doubled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.sources.both_sources import mariadb, postgres

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("loading_process.py")
ROWS = 6_000
EVERY = 100
FILE = """
version: 1
sync: {mode: incremental, cursor: n, on_bad_row: quarantine, chunk_rows: 2000, parallelism: 1}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: n, type: bigint, clickhouse_type: Int16}
"""
ASK = (
    "SELECT (SELECT (count(), uniqExact(id), sum(id)) FROM shop.orders FINAL), "
    "(SELECT (count(), uniqExact(key), sum(toInt64(key[1]))) FROM shop.orders__quarantine FINAL)"
)


def fill(dialect: str, request: pytest.FixtureRequest) -> str:
    """Every hundredth row does not fit."""
    numbers = f"generate_series(1, {ROWS}) i" if dialect == "postgres" else f"seq_1_to_{ROWS}"
    number = "i" if dialect == "postgres" else "seq"
    kind = "postgres_server" if dialect == "postgres" else "mariadb_server"
    url: str = request.getfixturevalue(kind).create_database("shop")
    server = postgres(url) if dialect == "postgres" else mariadb(url)
    server.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, n bigint NOT NULL)",
        f"INSERT INTO orders SELECT {number}, CASE WHEN {number} % {EVERY} = 0 THEN 1000000 ELSE {number} END FROM {numbers}",
        "ANALYZE orders" if dialect == "postgres" else "ANALYZE TABLE orders",
    )
    return url


@pytest.mark.parametrize("dialect", ["postgres", pytest.param("mysql", marks=pytest.mark.long)])
def test_a_load_that_is_killed_around_its_second_write_is_finished_by_the_next(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path, warehouse_dir: Path
) -> None:
    folder = tmp_path / "schemas" / dialect / "shop"
    folder.mkdir(parents=True)
    (folder / "orders.yml").write_text(FILE)
    facts: dict[str, Any] = {
        "schemas": str(tmp_path / "schemas"),
        "source": fill(dialect, request),
        "warehouse": f"chdb://{warehouse_dir}",
        "state": f"sqlite:///{tmp_path / 'state.sqlite'}",
        "ask": ASK,
    }

    def run(**more: Any) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "facts.json"
        file.write_text(json.dumps(facts | more))
        return subprocess.run(
            [sys.executable, str(WORKER), str(file)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    # The first write of a chunk brings its good rows, the second its bad ones.
    for nth, when in ((1, "after"), (2, "after")):
        killed = run(die_at={"call": "write", "when": when, "nth": nth})
        assert killed.returncode < 0, killed.stderr
    finished = run()
    assert finished.returncode == 0, finished.stderr
    said = json.loads(finished.stdout)
    assert said["resumed"]
    total, bad = ROWS * (ROWS + 1) // 2, sum(range(EVERY, ROWS + 1, EVERY))
    expected = [
        [[ROWS - ROWS // EVERY, ROWS - ROWS // EVERY, total - bad], [ROWS // EVERY, ROWS // EVERY, bad]]
    ]
    assert said["found"] == expected
    assert json.loads(run().stdout)["found"] == expected
