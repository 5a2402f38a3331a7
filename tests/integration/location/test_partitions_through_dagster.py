"""Partitions through Dagster itself: one partition, a range in one run, and what a tick asks for."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.settings import Settings

KEY = dg.AssetKey(["shop", "orders"])
FILE = """
version: 1
partitions: {by: at, every: day, start: "2024-01-01"}
schedule: "0 * * * *"
retries: {max: 0}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: at, type: timestamp with time zone, immutable: true}
"""
PER_DAY = 100
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@pytest.fixture
def definitions(
    tmp_path: Path, warehouse_dir: Path, postgres_server: Any, monkeypatch: pytest.MonkeyPatch
) -> dg.Definitions:
    url: str = postgres_server.create_database("shop")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz NOT NULL)")
        cursor.execute(
            "INSERT INTO orders SELECT i, timestamptz '2023-12-31Z' + (i - 1) / %s * interval '1 day' + i * interval '1 s'"
            " FROM generate_series(1, 500) i",
            (PER_DAY,),
        )
    file = tmp_path / "schemas/postgres/shop/orders.yml"
    file.parent.mkdir(parents=True)
    file.write_text(FILE)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLICKHOUSE_URL", f"chdb://{warehouse_dir}")
    monkeypatch.setenv("POSTGRES_SHOP_URL", url)
    monkeypatch.delenv("STATE_URL", raising=False)
    return build_definitions(Settings.from_environment())


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, **chosen: Any
) -> dg.ExecuteInProcessResult:
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, asset_selection=[KEY], raise_on_error=False, **chosen)


@contextmanager
def warehouse(directory: Path) -> Generator[ClickHouseSink, None, None]:
    with ClickHouseSink(DatabaseUrl.parse(f"chdb://{directory}", variable="U", schemes=())) as sink:
        yield sink


def days(directory: Path) -> list[tuple[str, int]]:
    with warehouse(directory) as sink:
        rows = sink.rows("SELECT toString(toDate(at)), count() FROM shop.orders FINAL GROUP BY 1 ORDER BY 1")
    return [(day, int(count)) for day, count in rows]


def test_one_partition_and_a_range_in_one_run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, warehouse_dir: Path
) -> None:
    one = run(definitions, instance, partition_key="2024-01-02")
    assert one.success
    (event,) = one.asset_materializations_for_node("shop__orders")
    assert (event.partition, event.metadata["rows"].value) == ("2024-01-02", PER_DAY)
    assert event.metadata["dagster/partition_row_count"].value == PER_DAY
    assert event.metadata["rows in no partition"].value == PER_DAY
    assert days(warehouse_dir) == [("2024-01-02", PER_DAY)]

    several = run(definitions, instance, tags=dict(zip(RANGE, ("2024-01-01", "2024-01-03"), strict=True)))
    assert several.success
    events = several.asset_materializations_for_node("shop__orders")
    assert [event.partition for event in events] == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert days(warehouse_dir) == [(f"2024-01-0{day}", PER_DAY) for day in (1, 2, 3)]


def test_a_run_without_a_partition_says_what_to_do(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    result = run(definitions, instance)
    assert not result.success
    (event,) = result.get_step_failure_events()
    assert "Start the run with a partition" in event.event_specific_data.error.to_string()


def test_what_a_tick_asks_for_loads_the_newest_partitions(
    definitions: dg.Definitions, instance: dg.DagsterInstance, warehouse_dir: Path
) -> None:
    schedule = definitions.resolve_schedule_def("shop__orders_schedule")
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime(2024, 1, 4, 12, tzinfo=UTC)
    )
    (request,) = schedule.evaluate_tick(context).run_requests or ()
    assert request.asset_selection == [KEY]
    assert run(definitions, instance, tags=request.tags).success
    assert days(warehouse_dir) == [(f"2024-01-0{day}", PER_DAY) for day in (3, 4)]
