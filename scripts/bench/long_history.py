"""Makes a long run history out of a short one: each run is copied, every copy an hour older than the one before.

Making 10,000 runs one by one through Dagster takes half an hour. In SQLite the events of a run are a file of their own, which
nobody opens again: there only the runs are copied.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg2

_SQLITE_ID = "lower(hex(randomblob(16)))"
_SQLITE = f"""
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?),
    copies AS (SELECT runs.*, n, {_SQLITE_ID} AS new_id FROM runs, numbers)
INSERT INTO runs (run_id, pipeline_name, status, run_body, create_timestamp, update_timestamp, start_time, end_time)
SELECT new_id, pipeline_name, status, replace(run_body, run_id, new_id), datetime(create_timestamp, -n || ' hours'),
    datetime(update_timestamp, -n || ' hours'), start_time - n * 3600, end_time - n * 3600
FROM copies
"""
_POSTGRES_ID = "md5(run_id || n)::uuid::text"
_POSTGRES = (
    f"""
INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key)
SELECT {_POSTGRES_ID}, replace(event, run_id, {_POSTGRES_ID}), dagster_event_type, timestamp - n * interval '1 hour',
    step_key, asset_key
FROM event_logs, generate_series(1, %s) n ORDER BY n DESC
""",
    f"""
INSERT INTO runs (run_id, pipeline_name, status, run_body, create_timestamp, update_timestamp, start_time, end_time)
SELECT {_POSTGRES_ID}, pipeline_name, status, replace(run_body, run_id, {_POSTGRES_ID}),
    create_timestamp - n * interval '1 hour', update_timestamp - n * interval '1 hour',
    start_time - n * 3600, end_time - n * 3600
FROM runs, generate_series(1, %s) n
""",
)


def lengthen_sqlite(home: Path, copies: int) -> int:
    """Copy the runs of the instance in `home`; returns how many there are then."""
    with closing(sqlite3.connect(home / "history/runs.db")) as connection, connection:
        connection.execute(_SQLITE, [copies])
        (count,) = connection.execute("SELECT count(*) FROM runs").fetchone()
    return int(count)


def lengthen_postgres(url: str, copies: int) -> int:
    """Copy runs and events of the instance in this database; returns how many runs there are then."""
    with psycopg2.connect(url.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        for statement in _POSTGRES:
            cursor.execute(statement, [copies])
        cursor.execute("ANALYZE runs, event_logs")
        cursor.execute("SELECT count(*) FROM runs")
        (count,) = cursor.fetchone() or (0,)
    return int(count)
