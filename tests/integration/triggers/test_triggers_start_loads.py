"""Sensors over real databases: a control row starts one run, once, and a broken place is one clear line."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pymysql
import pytest

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import PipelineError
from dagster_pipeline.factories.table_triggers import STARTED_FOR_TAG, TRIGGER_TAG, tick
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.triggers.deadline import Asking
from dagster_pipeline.triggers.places import Place

TABLE = """version: 1
trigger: {control_row: {query: "SELECT id, ready_at FROM control WHERE ready_at IS NOT NULL"}}
columns:
  - {name: id, type: bigint, primary_key: true}
"""
PATIENT = 60.0
"""Seconds for an answer: a busy machine may take longer than a sensor would wait."""


class Source:
    """A table of control rows in one database, and the sensor over it."""

    def __init__(self, dialect: str, url: str, root: Path) -> None:
        self.dialect, self.url = dialect, url
        file = root / "schemas" / dialect / "shop" / "orders.yml"
        file.parent.mkdir(parents=True)
        file.write_text(TABLE)
        self.environment = {"SCHEMAS_DIR": str(root / "schemas"), f"{dialect.upper()}_SHOP_URL": url}
        self.execute("CREATE TABLE control (id bigint PRIMARY KEY, ready_at timestamp NULL)")

    @property
    def schema(self) -> TableSchema:
        """The table's file, read."""
        (schema,) = load_tables(Settings.from_environment(self.environment))
        return schema

    def execute(self, sql: str) -> None:
        """Run a statement at the source."""
        if self.dialect == "postgres":
            with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
                cursor.execute(sql)
            connection.close()
            return
        url = DatabaseUrl.parse(self.url, variable="U", schemes=())
        mysql = pymysql.connect(
            host=url.host,
            port=url.port,
            user=url.user,
            password=url.password,
            database=url.database,
            autocommit=True,
        )
        with mysql, mysql.cursor() as cursor:
            cursor.execute(sql)

    def tick(self, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
        """One tick, as the daemon would ask for it."""
        schema, settings = self.schema, Settings.from_environment(self.environment)
        context, place = dg.build_sensor_context(instance=instance, cursor=cursor), Place(schema)
        return tick(schema, context, place.question(settings), Asking(str(place), seconds=PATIENT))


@pytest.fixture(params=["postgres", "mysql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    server: Any = request.getfixturevalue(
        "postgres_server" if request.param == "postgres" else "mariadb_server"
    )
    return Source(request.param, server.create_database("shop"), tmp_path)


@pytest.fixture
def instance() -> Generator[dg.DagsterInstance, None, None]:
    with dg.instance_for_test() as instance:
        yield instance


def test_a_control_row_starts_one_run_and_never_a_second(place: Source, instance: dg.DagsterInstance) -> None:
    nothing = place.tick(instance, None)
    assert (nothing.run_requests or [], str(nothing.skip_reason)) == ([], str(dg.SkipReason("Nothing new.")))
    place.execute("INSERT INTO control VALUES (1, NULL), (2, '2026-01-01 10:00:00')")
    first = place.tick(instance, nothing.cursor)
    (request,) = first.run_requests or ()
    assert list(request.asset_selection or ()) == [dg.AssetKey(["shop", "orders"])]
    assert request.tags[TRIGGER_TAG] == "shop__orders_trigger"
    assert not place.tick(instance, first.cursor).run_requests
    # Rows with smaller numbers and a row that changes are new; what stays is not.
    place.execute("UPDATE control SET ready_at = '2026-01-01 09:00:00' WHERE id = 1")
    place.execute("INSERT INTO control VALUES (0, '2025-01-01 00:00:00')")
    second = place.tick(instance, first.cursor)
    (request,) = second.run_requests or ()
    assert len(request.tags[STARTED_FOR_TAG].split(",")) == 2
    place.execute("UPDATE control SET ready_at = '2026-01-01 11:00:00' WHERE id = 2")
    assert len(place.tick(instance, second.cursor).run_requests or ()) == 1


def test_a_daemon_that_died_after_it_started_the_run_does_not_start_it_again(
    place: Source, instance: dg.DagsterInstance
) -> None:
    place.execute("INSERT INTO control VALUES (1, '2026-01-01 10:00:00')")
    (request,) = place.tick(instance, None).run_requests or ()
    instance.create_run_for_job(_job(), tags=dict(request.tags), status=dg.DagsterRunStatus.SUCCESS)
    assert not place.tick(instance, None).run_requests  # the cursor was not kept
    place.execute("INSERT INTO control VALUES (2, '2026-01-01 10:00:00')")
    (second,) = place.tick(instance, None).run_requests or ()
    assert len(second.tags[STARTED_FOR_TAG].split(",")) == 1


def test_what_comes_while_a_run_works_waits_for_its_end(place: Source, instance: dg.DagsterInstance) -> None:
    place.execute("INSERT INTO control VALUES (1, '2026-01-01 10:00:00')")
    run = instance.create_run_for_job(
        _job(),
        asset_selection=frozenset({dg.AssetKey(["shop", "orders"])}),
        status=dg.DagsterRunStatus.STARTED,
    )
    waits = place.tick(instance, None)
    assert not waits.run_requests
    assert f"Run {run.run_id} still works on shop/orders; 1 new" in str(waits.skip_reason)
    instance.report_run_canceled(run)
    assert len(place.tick(instance, waits.cursor).run_requests or ()) == 1


def test_a_broken_place_fails_the_tick_with_one_clear_line(
    place: Source, instance: dg.DagsterInstance
) -> None:
    place.execute("DROP TABLE control")
    with pytest.raises(PipelineError) as missing:
        place.tick(instance, None)
    assert "control" in str(missing.value)
    assert "\n" not in str(missing.value)
    url = DatabaseUrl.parse(place.url, variable="U", schemes=())
    place.environment[f"{place.dialect.upper()}_SHOP_URL"] = place.url.replace(f":{url.port}/", ":1/")
    with pytest.raises(PipelineError) as gone:
        place.tick(instance, None)
    assert f"{place.dialect.upper()}_SHOP_URL" in str(gone.value)
    assert not url.password or url.password not in str(gone.value)


@dg.asset(key=["shop", "orders"])
def _orders() -> None: ...


def _job() -> dg.JobDefinition:
    return dg.Definitions(assets=[_orders]).resolve_implicit_global_asset_job_def()
