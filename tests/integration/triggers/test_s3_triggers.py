"""Sensors over a real S3 server process (moto's): an object starts one run, once, and a broken bucket is one clear line."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import pytest

from dagster_pipeline.assets.etl import etl_bundle
from dagster_pipeline.errors import ConfigurationError, PipelineError, RetriableError
from dagster_pipeline.factories.table_triggers import STARTED_FOR_TAG, tick
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.triggers import arrivals, s3_objects
from dagster_pipeline.triggers.deadline import Asking
from dagster_pipeline.triggers.places import Place
from scripts.servers.s3 import client_of, running_s3

TABLE = """version: 1
trigger: {s3: {connection: lake, prefix: "orders/", pattern: "*.done"}, every: 10s}
columns:
  - {name: id, type: bigint, primary_key: true}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_s3() as url:
        yield url


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


class Lake:
    """A bucket, and the sensor that looks into it."""

    def __init__(self, server: str, bucket: str, root: Path) -> None:
        self.bucket = bucket
        parts = urlsplit(server)
        self.user, self.secret = parts.username, parts.password
        self.client = client_of(server)
        self.client.create_bucket(Bucket=bucket)
        file = root / "schemas/mysql/shop/orders.yml"
        file.parent.mkdir(parents=True)
        file.write_text(TABLE)
        self.environment = {"SCHEMAS_DIR": str(root / "schemas"), "S3_LAKE_URL": f"{server}{bucket}"}

    def put(self, key: str, body: bytes = b"") -> None:
        """Write an object."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def tick(
        self, instance: dg.DagsterInstance, cursor: str | None, *, seconds: float = 60
    ) -> dg.SensorResult:
        """One tick."""
        settings = Settings.from_environment(self.environment)
        (schema,) = load_tables(settings)
        context, place = dg.build_sensor_context(instance=instance, cursor=cursor), Place(schema)
        return tick(schema, context, place.question(settings), Asking(str(place), seconds=seconds))


@pytest.fixture
def lake(server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Lake:
    return Lake(server, f"lake-{abs(hash(request.node.name)) % 10**9}", tmp_path)


def started_for(result: dg.SensorResult) -> int:
    """How many objects the run of a tick was started for; 0 without one."""
    requests = result.run_requests or ()
    return sum(len(request.tags[STARTED_FOR_TAG].split(",")) for request in requests)


def test_an_object_starts_one_run_also_an_empty_one_and_never_a_second(
    lake: Lake, instance: dg.DagsterInstance
) -> None:
    lake.put("orders/2026-01-01.csv", b"not what is looked for")
    lake.put("elsewhere/a.done")
    lake.put("orders/folder.done/")
    nothing = lake.tick(instance, None)
    assert started_for(nothing) == 0
    lake.put("orders/2026-01-02.done")
    lake.put("orders/2026-01-01.done")
    both = lake.tick(instance, nothing.cursor)
    assert (len(both.run_requests or ()), started_for(both)) == (1, 2)
    assert started_for(lake.tick(instance, both.cursor)) == 0
    lake.put("orders/2026-01-01.done")  # the same content again
    assert started_for(lake.tick(instance, both.cursor)) == 0
    lake.put("orders/2026-01-01.done", b"more")
    assert started_for(lake.tick(instance, both.cursor)) == 1


def test_more_objects_than_a_page_and_a_run_takes_are_all_seen(
    lake: Lake, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_objects, "PAGE_OBJECTS", 4)
    monkeypatch.setattr(arrivals, "AT_ONCE", 5)
    for number in range(11):
        lake.put(f"orders/{number}.done")
    first = lake.tick(instance, None)
    second = lake.tick(instance, first.cursor)
    third = lake.tick(instance, second.cursor)
    assert [started_for(each) for each in (first, second, third)] == [5, 5, 1]
    assert started_for(lake.tick(instance, third.cursor)) == 0


def test_a_broken_bucket_is_one_clear_line_without_a_secret(lake: Lake, instance: dg.DagsterInstance) -> None:
    good = lake.environment["S3_LAKE_URL"]
    for address, kind, says in (
        (good.replace(lake.bucket, "no-such-bucket"), ConfigurationError, "NoSuchBucket"),
        (good.replace(good.rpartition(":")[2].partition("/")[0], "1"), RetriableError, "s3://"),
        ("", ConfigurationError, "Set S3_LAKE_URL to"),
    ):
        lake.environment["S3_LAKE_URL"] = address
        with pytest.raises(PipelineError) as caught:
            lake.tick(instance, None)
        assert isinstance(caught.value, kind)
        assert says in str(caught.value)
        assert lake.secret not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_sensor_stands_among_the_definitions_switched_off_on_a_laptop(lake: Lake) -> None:
    for status, running in (("stopped", "STOPPED"), ("running", "RUNNING")):
        settings = Settings.from_environment({**lake.environment, "SCHEDULES_DEFAULT_STATUS": status})
        (sensor,) = etl_bundle(load_tables(settings), settings).sensors
        assert (sensor.name, sensor.minimum_interval_seconds) == ("shop__orders_trigger", 10)
        assert sensor.default_status.value == running
        assert "orders/*.done of the S3 connection lake" in (sensor.description or "")
