"""What the pipeline's own runs say is what alerts read: a real table through Dagster, and the messages about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg2
import pytest

from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.settings import Settings
from scripts.servers.server import Server
from tests.alert_servers.slack import FakeSlack, running_slack

VALUE = "known-value-of-a-row"
FILE = """
version: 1
owners: ["team:shop"]
sync: {mode: full}
retries: {max: 0}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: note, type: text}
checks:
  - accepted_values: {column: note, values: [good]}
  - sql: {name: newest_note, query: "SELECT max(note) FROM {table}", expect: good}
  - sql: {name: broken, query: "SELECT throwIf(id = 1) FROM {table}"}
"""


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with running_slack() as server:
        yield server


@pytest.fixture
def shop(
    postgres_server: Server,
    tmp_path: Path,
    warehouse_dir: Path,
    slack: FakeSlack,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The table's file; its source has a column more than the file."""
    source = postgres_server.create_database("alerts_shop")
    with psycopg2.connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS orders")
        cursor.execute("CREATE TABLE orders (id bigint PRIMARY KEY, note text NOT NULL, nickname text)")
        cursor.execute("INSERT INTO orders VALUES (1, %s, NULL)", [VALUE])
    file = tmp_path / "schemas/postgres/shop/orders.yml"
    file.parent.mkdir(parents=True)
    file.write_text(FILE)
    variables = {
        "SCHEMAS_DIR": str(tmp_path / "schemas"),
        "ALERTS_FILE": str(tmp_path / "alerts.yml"),
        "STATE_URL": f"sqlite:///{tmp_path}/state.sqlite",
        "CLICKHOUSE_URL": f"chdb://{warehouse_dir}",
        "POSTGRES_SHOP_URL": source,
        "SLACK_WEBHOOK_URL": slack.webhook_url,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for name in ("SLACK_BOT_TOKEN", "SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    return file


def run_and_tick(instance: dg.DagsterInstance) -> bool:
    """One run of the table, and every alert sensor once; whether the run ended well."""
    definitions = build_definitions(Settings.from_environment())
    job = definitions.resolve_implicit_global_asset_job_def()
    key = dg.AssetKey(["shop", "orders"])
    result = job.execute_in_process(instance=instance, asset_selection=[key], raise_on_error=False)
    for sensor in definitions.sensors or ():
        if isinstance(sensor, dg.SensorDefinition) and sensor.name.startswith("alerts_"):
            with dg.build_sensor_context(instance=instance) as context:
                sensor.evaluate_tick(context)
    return result.success


def test_drift_failed_and_errored_checks_and_a_failure_are_told_as_what_they_are(
    shop: Path, slack: FakeSlack
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_and_tick(instance)
        assert sorted(slack.texts) == [
            "shop/orders: check accepted_values_note failed",
            "shop/orders: check broken could not be made",
            "shop/orders: check newest_note failed",
            "shop/orders: source has drifted",
        ]
        said = {post["text"].partition(": ")[2]: str(post["blocks"]) for post in slack.posts}
        assert "Check accepted_values_note failed: 1 row" in said["check accepted_values_note failed"]
        assert "not what the table file expects" in said["check newest_note failed"]
        assert "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO" in said["check broken could not be made"]
        assert "column 'nickname'" in said["source has drifted"]
        shop.write_text(FILE.replace("sync:", "source: {table: ordres}\ndestination: {table: orders}\nsync:"))
        assert not run_and_tick(instance)
        assert slack.texts[4:] == ["shop/orders: run failed"]
        assert "Did you mean public.orders?" in str(slack.posts[4])
    assert VALUE not in str(slack.posts)
