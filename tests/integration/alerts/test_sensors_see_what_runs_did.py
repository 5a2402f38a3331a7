"""Runs of a real Dagster instance, the sensors' ticks over them, and what arrives in Slack.

No postponed annotations here: Dagster looks at those of the made-up assets.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from dagster_pipeline.alerts import dagster_runs
from dagster_pipeline.alerts.run_report import QUERY_FAILED
from dagster_pipeline.alerts.sensors import alert_bundle
from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.errors import ConfigurationError, PipelineError, RetriableError
from dagster_pipeline.factories.failures import as_dagster_failures
from dagster_pipeline.factories.table_metadata import SCHEMA_DRIFT
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from tests.alert_servers.slack import FakeSlack, running_slack

PASSWORD = "known-source-password"
VALUE = "alice@example.com"
FILE = """
version: 1
owners: ["team:shop"]
freshness: 1h
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: email, type: text}
checks:
  - unique: [id]
  - sql: {name: no_test_rows, query: "SELECT max(email) FROM {table}", expect: ""}
"""
TABLES = ("orders", "customers")


@dataclass
class Desk:
    """An instance, the sensors over it, and Slack."""

    instance: dg.DagsterInstance
    slack: FakeSlack
    directory: Path
    bodies: dict[str, Callable[[], dg.MaterializeResult[None]]] = field(default_factory=dict)

    def run(self, *tables: str, **tags: str) -> dg.ExecuteInProcessResult:
        """One run of made-up loads, as the job of all tables has it."""
        return dg.materialize(
            [self._asset(table) for table in tables],
            instance=self.instance,
            raise_on_error=False,
            tags=tags,
        )

    def tick(self) -> list[str]:
        """Every sensor once; what each says."""
        settings = Settings.from_environment()
        sensors = alert_bundle(load_tables(settings), settings).sensors
        with dg.build_sensor_context(instance=self.instance) as context:
            return [str(sensor.evaluate_tick(context).skip_message) for sensor in sensors]

    @property
    def text(self) -> str:
        """The last message, as far as a person reads it."""
        return " ".join(
            str(part["text"]["text"]) if "text" in part else str(part)
            for part in self.slack.posts[-1]["blocks"]
        )

    def _asset(self, table: str) -> dg.AssetsDefinition:
        specs = [dg.AssetCheckSpec(name, asset=["shop", table]) for name in ("unique_id", "no_test_rows")]

        def body(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses the generic form
            with as_dagster_failures(context, table=f"shop/{table}"):
                return self.bodies.get(table, good)()

        body.__name__ = table
        retry = dg.RetryPolicy(max_retries=1)
        return dg.asset(key=["shop", table], check_specs=specs, retry_policy=retry)(body)


def good(**checks: dg.AssetCheckResult) -> dg.MaterializeResult[None]:
    """A load that went well, but for the given checks."""
    passed = {
        name: dg.AssetCheckResult(check_name=name, passed=True) for name in ("unique_id", "no_test_rows")
    }
    return dg.MaterializeResult(check_results=list({**passed, **checks}.values()))


def failing(error: Exception) -> Callable[[], dg.MaterializeResult[None]]:
    def body() -> dg.MaterializeResult[None]:
        raise error

    return body


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    folder = tmp_path / "schemas/postgres/shop"
    folder.mkdir(parents=True)
    for table in TABLES:
        (folder / f"{table}.yml").write_text(FILE)
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    monkeypatch.setenv("ALERTS_FILE", str(tmp_path / "alerts.yml"))
    monkeypatch.setenv("STATE_URL", f"sqlite:///{tmp_path}/state.sqlite")
    monkeypatch.setenv("POSTGRES_SHOP_URL", f"postgresql://reader:{PASSWORD}@127.0.0.1:1/shop")
    monkeypatch.setenv("DAGSTER_WEBSERVER_URL", "http://dagster.example.com")
    for name in ("SLACK_BOT_TOKEN", "SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    with running_slack() as slack, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", slack.webhook_url)
        yield Desk(instance, slack, tmp_path)


def test_a_table_that_fails_is_told_while_its_run_goes_on_and_not_again_at_its_end(desk: Desk) -> None:
    attempts: list[int] = []
    told: list[str] = []

    def look_around() -> dg.MaterializeResult[None]:
        if not attempts:  # its second attempt comes after the last one of the other table
            attempts.append(1)
            raise RetriableError("Not yet.")
        desk.tick()
        desk.tick()
        told.extend(desk.slack.texts)
        return good()

    desk.bodies["customers"] = failing(RetriableError("The source went away."))
    desk.bodies["orders"] = look_around
    assert not desk.run("customers", "orders").success  # one after the other
    assert told == ["shop/customers: run failed"]
    desk.tick()
    assert desk.slack.texts == told
    desk.bodies["customers"] = good
    assert desk.run("customers").success
    desk.tick()
    assert desk.slack.texts[len(told) :] == ["shop/customers is well again"]


def test_a_failed_run_names_table_cause_next_step_run_owner_and_last_success(desk: Desk) -> None:
    assert desk.run("orders").success
    desk.bodies["orders"] = failing(
        ConfigurationError(
            "public.orders has no column 'email' (schemas/orders.yml:7).",
            todo="Change the file; nothing was written.",
        )
    )
    run = desk.run("orders")
    desk.tick()
    assert desk.slack.texts == ["shop/orders: run failed"]
    assert "public.orders has no column 'email' (schemas/orders.yml:7)." in desk.text
    assert "*What to do:* Change the file; nothing was written." in desk.text
    assert f"http://dagster.example.com/runs/{run.run_id}" in desk.text
    assert "team:shop" in desk.text
    assert "never" not in desk.text
    desk.tick()
    assert len(desk.slack.posts) == 1


def test_a_passing_error_is_told_when_the_retries_are_over_and_once(desk: Desk) -> None:
    desk.bodies["orders"] = failing(RetriableError("127.0.0.1:1 does not answer.", todo="Start it."))
    result = desk.run("orders")
    assert sum(event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY for event in result.all_events) == 1
    desk.tick()
    assert desk.slack.texts == ["shop/orders: run failed"]
    assert "127.0.0.1:1 does not answer." in desk.text
    assert "Start it." in desk.text


def test_only_the_tables_of_a_run_that_failed_are_told(desk: Desk) -> None:
    desk.bodies["orders"] = failing(ConfigurationError("It is not there.", todo="Make it."))
    desk.run("orders", "customers")
    desk.tick()
    assert desk.slack.texts == ["shop/orders: run failed"]


def test_no_password_and_no_value_of_a_row_leaves_the_house(desk: Desk) -> None:
    desk.bodies["orders"] = failing(
        PipelineError(
            f"postgresql://reader:{PASSWORD}@h/shop: Duplicate entry '{VALUE}' for Key (email)=({VALUE}); {PASSWORD}",
            todo=f"Look at {VALUE}.",
        )
    )
    desk.bodies["customers"] = failing(ValueError(f"invalid literal: {VALUE} {PASSWORD}"))
    desk.run("orders", "customers")
    desk.tick()
    assert sorted(desk.slack.texts) == ["shop/customers: run failed", "shop/orders: run failed"]
    assert VALUE not in str(desk.slack.posts)
    assert PASSWORD not in str(desk.slack.posts)
    assert "ValueError was raised" in str(desk.slack.posts)
    assert "Key (email)=(…)" in str(desk.slack.posts)


def test_a_failed_check_is_told_with_its_count_and_ends_with_the_next_good_one(desk: Desk) -> None:
    failed = dg.AssetCheckResult(
        check_name="unique_id", passed=False, description="3 value(s) of id more than once"
    )
    desk.bodies["orders"] = lambda: good(unique_id=failed)
    assert desk.run("orders").success
    desk.tick()
    assert desk.slack.texts == ["shop/orders: check unique_id failed"]
    assert "Check unique_id failed: 3 value(s) of id more than once." in desk.text
    del desk.bodies["orders"]
    desk.run("orders")
    desk.tick()
    assert desk.slack.texts[1:] == ["shop/orders unique_id is well again"]


def test_what_a_query_of_ones_own_found_is_not_told(desk: Desk) -> None:
    failed = dg.AssetCheckResult(
        check_name="no_test_rows", passed=False, description=f"found {VALUE}, expected ''"
    )
    desk.bodies["orders"] = lambda: good(no_test_rows=failed)
    desk.run("orders")
    desk.tick()
    assert "Check no_test_rows failed: not what the table file expects." in desk.text
    assert VALUE not in str(desk.slack.posts)


def test_a_check_that_could_not_be_made_is_told_as_that(desk: Desk) -> None:
    why = f"{QUERY_FAILED}reading at http://warehouse:8123 failed (ClickHouse 47 UNKNOWN_IDENTIFIER)."
    errored = dg.AssetCheckResult(
        check_name="no_test_rows", passed=False, description=why, severity=dg.AssetCheckSeverity.WARN
    )
    desk.bodies["orders"] = lambda: good(no_test_rows=errored)
    desk.run("orders")
    desk.tick()
    assert desk.slack.texts == ["shop/orders: check no_test_rows could not be made"]
    assert "(ClickHouse 47 UNKNOWN_IDENTIFIER)" in desk.text
    assert "warning" in desk.text


def test_drift_is_told_until_the_file_follows(desk: Desk) -> None:
    sentence = "The source also has column 'nickname' (text); it was added. Name it in the file."

    def drifted() -> dg.MaterializeResult[None]:
        result = good()
        return result._replace(metadata={SCHEMA_DRIFT: dg.MetadataValue.md(f"- {sentence}")})

    desk.bodies["orders"] = drifted
    desk.run("orders")
    desk.run("orders")
    desk.tick()
    assert desk.slack.texts == ["shop/orders: source has drifted"]
    assert sentence in desk.text
    assert "schemas/postgres/shop/orders.yml to what the source has" in desk.text
    del desk.bodies["orders"]
    desk.run("orders")
    desk.tick()
    assert desk.slack.texts[1:] == ["shop/orders is well again"]


def test_a_run_whose_process_was_killed_is_told_for_every_table_that_it_did_not_load(desk: Desk) -> None:
    run = desk.instance.create_run_for_job(
        dg.define_asset_job("etl").resolve(
            asset_graph=dg.Definitions([desk._asset("orders")]).resolve_asset_graph()
        ),
        asset_selection=frozenset({dg.AssetKey(["shop", "orders"])}),
        tags={"dagster/will_retry": "true"},
    )
    desk.instance.report_run_failed(run, "The run's process was killed.")
    desk.tick()
    assert desk.slack.texts == ["shop/orders: run failed"]
    assert "process ended without an error of its own" in desk.text
    assert "Dagster starts the run again by itself" in desk.text


def test_a_canceled_run_is_nobodys_alarm(desk: Desk) -> None:
    run = desk.instance.create_run_for_job(
        dg.define_asset_job("etl").resolve(
            asset_graph=dg.Definitions([desk._asset("orders")]).resolve_asset_graph()
        ),
        asset_selection=frozenset({dg.AssetKey(["shop", "orders"])}),
    )
    desk.instance.report_run_canceled(run)
    desk.tick()
    assert not desk.slack.posts


def test_a_table_is_late_by_its_files_freshness_and_well_again_in_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.run("orders", "customers")
    assert "0 of 2 table(s)" in desk.tick()[1]
    (desk.directory / "schemas/postgres/shop/orders.yml").write_text(FILE.replace("1h", "60s"))
    _move_clock(monkeypatch, seconds=120)
    assert "1 of 2 table(s)" in desk.tick()[1]
    desk.tick()
    assert desk.slack.texts == ["shop/orders: is late"]
    assert "Its last success was 2m ago; freshness allows 1m." in desk.text
    (desk.directory / "schemas/postgres/shop/orders.yml").write_text(FILE)
    desk.tick()
    desk.tick()
    assert desk.slack.texts[1:] == ["shop/orders is well again"]


def test_runs_of_other_tables_in_the_same_instance_are_left_alone(desk: Desk) -> None:
    desk.bodies["strangers"] = failing(ConfigurationError("It is not there."))
    desk.run("strangers")
    desk.tick()
    assert not desk.slack.posts


def test_history_before_the_first_tick_is_not_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.bodies["orders"] = failing(ConfigurationError("It is not there."))
    desk.run("orders")
    _move_clock(monkeypatch, seconds=dagster_runs.FIRST_LOOK_BACK.total_seconds() + 300)
    desk.tick()
    assert not desk.slack.posts


def test_an_old_run_that_is_touched_again_is_no_news(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.bodies["orders"] = failing(ConfigurationError("It is not there."))
    old = desk.run("orders")
    _move_clock(monkeypatch, seconds=dagster_runs.FIRST_LOOK_BACK.total_seconds() + 300)
    desk.tick()
    desk.instance.add_run_tags(old.run_id, {"looked/at": "yes"})
    desk.tick()
    assert not desk.slack.posts


def test_many_old_runs_that_are_touched_hide_no_new_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    old = [desk.run("orders").run_id for _ in range(6)]
    position = dagster_runs.Position(datetime.now(UTC) + dagster_runs.OVERLAP)  # looks back to now
    for run_id in old:
        desk.instance.add_run_tags(run_id, {"looked/at": "yes"})
    new = desk.run("customers").run_id
    monkeypatch.setattr(dagster_runs, "_PAGE", 1)
    found = list(dagster_runs.ended_runs(desk.instance, position, seconds=60))
    assert [report.run_id for report, _ in found] == [new]


def test_a_long_rest_moves_the_position_on_and_keeps_the_overlap() -> None:
    now = datetime.now(UTC)
    recent, older = now - dagster_runs.OVERLAP * 1.5, now - timedelta(hours=1)
    position = dagster_runs.Position(older, {"older": older, "recent": recent})
    assert position.rested(older + timedelta(minutes=5)) is position
    rested = position.rested(now)
    assert rested.until == now - dagster_runs.OVERLAP
    assert set(rested.seen) == {"recent"}


def test_a_backlog_longer_than_a_tick_is_worked_off_over_several(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.bodies["orders"] = failing(ConfigurationError("It is not there."))
    for table in ("customers", "orders", "customers"):
        desk.run(table)
    monkeypatch.setattr("dagster_pipeline.alerts.desk.READING_BUDGET", 0.0)
    monkeypatch.setattr(dagster_runs, "_PAGE", 1)
    for _ in range(3):
        assert desk.tick()[0] == "1 run(s) ended or failed in part."
    assert desk.tick()[0] == "0 run(s) ended or failed in part."
    assert desk.slack.texts == ["shop/orders: run failed"]


def test_a_run_with_more_events_than_fit_into_a_tick_is_read_over_several(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = dg.AssetCheckResult(
        check_name="unique_id", passed=False, description="3 value(s) of id more than once"
    )
    desk.bodies["customers"] = lambda: good(unique_id=failed)
    desk.run("orders", "customers")  # two loads and four checks
    monkeypatch.setattr("dagster_pipeline.alerts.desk.READING_BUDGET", 0.0)
    monkeypatch.setattr(dagster_runs, "_EVENTS", 2)
    ticks = 0
    while desk.tick()[0] == "1 run(s) ended or failed in part.":
        ticks += 1
    assert 3 <= ticks <= 4, "a page that is just full has an empty one behind it"
    assert desk.slack.texts == ["shop/customers: check unique_id failed"]


def test_a_channel_that_is_off_says_so_once(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        desk.tick()
    assert (
        capfd.readouterr().err.count("E-mail is off; not set: SMTP_URL, ALERT_EMAIL_FROM, ALERT_EMAIL_TO.")
        == 1
    )


def test_the_sensors_run_when_a_channel_is_configured_and_not_otherwise(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def statuses() -> set[dg.DefaultSensorStatus]:
        settings = Settings.from_environment()
        return {sensor.default_status for sensor in alert_bundle(load_tables(settings), settings).sensors}

    assert statuses() == {dg.DefaultSensorStatus.RUNNING}
    monkeypatch.delenv("SLACK_WEBHOOK_URL")
    assert statuses() == {dg.DefaultSensorStatus.STOPPED}


def _move_clock(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    from dagster_pipeline.alerts import desk as ticks
    from dagster_pipeline.alerts.alert_store import utc_now

    monkeypatch.setattr(ticks, "utc_now", lambda: utc_now() + timedelta(seconds=seconds))


def test_what_writes_out_of_the_warehouse_is_told_as_a_table_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", f"chdb://{desk.directory}/warehouse")
    monkeypatch.setenv("DAGSTER_HOME", str(desk.directory))
    for variable in ("POSTGRES_URL", "MYSQL_URL"):
        monkeypatch.delenv(variable, raising=False)
    files = {
        "reverse_etl/balances": "source: {query: 'SELECT 1 AS id, 2 AS balance'}\n"
        "target: {dialect: postgres, connection: crm, table: balances}\n"
        "key: [id]\ncolumns: [{name: id}, {name: balance}]\n",
        "data_migration/move_leads": "source: {dialect: mysql, connection: staging, table: leads}\n"
        "target: {dialect: mysql, connection: sales, table: leads}\nkey: [id]\n",
    }
    for name, text in files.items():
        path = desk.directory / "schemas" / f"{name}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"version: 1\nowners: ['team:sales']\nretries: {{max: 0}}\n{text}")
    definitions = build_definitions(Settings.from_environment())
    keys = [dg.AssetKey(["reverse_etl", "balances"]), dg.AssetKey(["move_leads"])]
    for key in keys:
        job = definitions.resolve_implicit_global_asset_job_def()
        job.execute_in_process(instance=desk.instance, asset_selection=[key], raise_on_error=False)
    with dg.build_sensor_context(instance=desk.instance) as context:
        for name in ("alerts_watch_runs", "alerts_send"):
            definitions.resolve_sensor_def(name).evaluate_tick(context)
    assert sorted(desk.slack.texts) == ["move_leads: run failed", "reverse_etl/balances: run failed"]
    said = str(desk.slack.posts)
    assert "No address for the postgres connection 'crm'." in said
    assert "Set MYSQL_STAGING_URL to" in said
    assert "team:sales" in said
