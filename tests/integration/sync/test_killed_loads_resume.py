"""A loading process is really killed in the middle; the next one finishes its work. Nothing is lost, nothing doubled."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg2
import pymysql
import pytest

from dagster_pipeline.database_url import DatabaseUrl

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("loading_process.py")
ROWS = 60_000
CHUNKS = 12
FILE = """
version: 1
{destination}
sync: {{mode: {mode}, {cursor} chunk_rows: 5000, parallelism: 2}}
columns:
  - {{name: id, type: bigint{key}}}
  - {{name: note, type: {text}}}
  - {{name: at, type: {time}}}
"""
SHAPES = {
    "incremental": ("", "cursor: at,", ", primary_key: true"),
    "full": ("", "", ", primary_key: true"),
    "append": ("destination: {engine: MergeTree, order_by: [id]}", "cursor: at,", ""),
}


def fill(dialect: str, server: Any) -> str:
    url: str = server.create_database("shop")
    if dialect == "postgres":
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE orders (id bigint PRIMARY KEY, note text NOT NULL, at timestamptz NOT NULL)"
            )
            cursor.execute(
                "INSERT INTO orders SELECT i, repeat(md5(i::text), 20), timestamptz '2024-01-01Z' + i * interval '1 s'"
                f" FROM generate_series(1, {ROWS}) i"
            )
            cursor.execute("CREATE INDEX ON orders (at)")
        return url
    parsed = DatabaseUrl.parse(url, variable="URL", schemes=())
    connection: Any = pymysql.connect(
        host=parsed.host,
        port=parsed.port,
        user=parsed.user,
        password=parsed.password,
        database=parsed.database,
        autocommit=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE orders (id bigint PRIMARY KEY, note text NOT NULL, at datetime NOT NULL, KEY (at))"
        )
        cursor.execute(
            "INSERT INTO orders SELECT seq, REPEAT(MD5(seq), 20), '2024-01-01' + INTERVAL seq SECOND"
            f" FROM seq_1_to_{ROWS}"
        )
        cursor.execute("ANALYZE TABLE orders")
    connection.close()
    return url


def chunks_done(state: Path) -> int:
    if not state.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{state}?mode=ro", uri=True) as connection:
            ((done,),) = connection.execute(
                "SELECT count(*) FROM pipeline_chunks WHERE status = 'done'"
            ).fetchall()
            return int(done)
    except sqlite3.OperationalError:  # the tables are just being made
        return 0


@pytest.mark.parametrize("mode", ["incremental", "full", "append"])
@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
def test_a_killed_load_is_finished_by_the_next_run(
    dialect: str, mode: str, request: pytest.FixtureRequest, tmp_path: Path, warehouse_dir: Path
) -> None:
    url = fill(
        dialect, request.getfixturevalue("postgres_server" if dialect == "postgres" else "mariadb_server")
    )
    destination, cursor, key = SHAPES[mode]
    times = {"postgres": "timestamp with time zone", "mysql": "datetime"}
    folder = tmp_path / "schemas" / dialect / "shop"
    folder.mkdir(parents=True)
    (folder / "orders.yml").write_text(
        FILE.format(
            destination=destination, mode=mode, cursor=cursor, key=key, text="text", time=times[dialect]
        )
    )
    state = tmp_path / "state.sqlite"
    facts = tmp_path / "facts.json"
    facts.write_text(
        json.dumps(
            {
                "schemas": str(tmp_path / "schemas"),
                "source": url,
                "warehouse": f"chdb://{warehouse_dir}",
                "state": f"sqlite:///{state}",
            }
        )
    )
    command = [sys.executable, str(WORKER), str(facts)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while first.poll() is None and chunks_done(state) < 3:
        time.sleep(0.005)
    assert first.poll() is None, first.stderr.read() if first.stderr else ""
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = chunks_done(state)
    assert before < CHUNKS
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    result = json.loads(second.stdout)
    ((count, total, _notes, distinct),) = result["found"]
    assert (count, distinct, total) == (ROWS, ROWS, ROWS * (ROWS + 1) // 2)
    assert result["resumed"]
    assert 0 < result["rows"] < ROWS
    third = json.loads(
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    )
    assert third["found"] == result["found"]
