"""The example files through Dagster itself: they load without their variables, and a run shows what it brought."""

from __future__ import annotations

import datetime
import json
import uuid
from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.alerts.dagster_runs import last_successes
from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.settings import PROJECT_ROOT, Settings
from tests.contract.deliveries.lake import Lake, parquet

WEB_EVENTS = dg.AssetKey(["lake", "web_events"])


@pytest.fixture
def located(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """An environment with the example's bucket."""
    (tmp_path / "home").mkdir()
    (tmp_path / "schemas").mkdir()
    for kind in ("s3", "apis"):
        if (PROJECT_ROOT / "schemas" / kind).exists():
            (tmp_path / "schemas" / kind).symlink_to(PROJECT_ROOT / "schemas" / kind)
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLICKHOUSE_URL", lake.warehouse_url)
    monkeypatch.setenv("STATE_URL", lake.state_url)
    monkeypatch.setenv("S3_LAKE_URL", lake.url)
    return lake


def run(
    key: dg.AssetKey, *, within: dg.DagsterInstance | None = None, **config: object
) -> dg.ExecuteInProcessResult:
    definitions = build_definitions(Settings.from_environment())
    job = definitions.resolve_implicit_global_asset_job_def()
    with nullcontext(within) if within else dg.instance_for_test() as instance:
        return job.execute_in_process(
            instance=instance,
            asset_selection=[key],
            run_config={"ops": {key.to_python_identifier(): {"config": config}}} if config else None,
            raise_on_error=False,
        )


def failures(result: dg.ExecuteInProcessResult) -> str:
    events = [event for event in result.all_events if event.is_step_failure]
    return " ".join(str(event.step_failure_data.error) for event in events if event.step_failure_data.error)


def test_the_example_lands_and_says_what_it_brought(located: Lake) -> None:
    events = pa.table(
        {
            "event_id": [str(uuid.UUID(int=number)) for number in range(3)],
            "happened_at": [
                datetime.datetime(2024, 5, 1 + number, tzinfo=datetime.UTC) for number in range(3)
            ],
            "visitor_id": pa.array([1, 2, 3], pa.uint64()),
            "kind": ["view", "cart", "order"],
            "amount": pa.array([None, None, "12.30"]).cast(pa.decimal128(12, 2)),
        }
    )
    located.put("web-events/2024-05.parquet", parquet(events))
    dry = run(WEB_EVENTS, dry_run=True)
    assert (dry.success, dry.asset_materializations_for_node("lake__web_events")) == (True, [])
    result = run(WEB_EVENTS)
    assert result.success, failures(result)
    (materialized,) = result.asset_materializations_for_node("lake__web_events")
    shown = {name: value.value for name, value in materialized.metadata.items()}
    assert (shown["rows"], shown["deliveries"], shown["dagster/row_count"]) == (3, 1, 3)
    assert located.rows("SELECT kind, toString(amount) FROM lake.web_events ORDER BY visitor_id")[2] == (
        "order",
        "12.3",
    )


def events(first: int, *kinds: str) -> bytes:
    """Some visits; an order without an amount."""
    return parquet(
        {
            "event_id": [str(uuid.UUID(int=first + number)) for number in range(len(kinds))],
            "happened_at": [datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC)] * len(kinds),
            "visitor_id": pa.array([1] * len(kinds), pa.uint64()),
            "kind": list(kinds),
            "amount": pa.array([None] * len(kinds), pa.decimal128(12, 2)),
        }
    )


def checked(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    return {
        each.check_name: (each.passed, each.description or "")
        for each in result.get_asset_check_evaluations()
    }


def test_checks_look_at_what_landed(located: Lake) -> None:
    located.put("web-events/1.parquet", events(0, "view", "cart"))
    assert {passed for passed, _ in checked(run(WEB_EVENTS)).values()} == {True}
    located.put("web-events/2.parquet", events(10, "vieuw", "order"))
    result = run(WEB_EVENTS)
    assert result.success  # what landed stays
    assert checked(result) == {
        "accepted_values_kind_new": (False, "1 row(s) whose kind is not one of the accepted values"),
        "orders_have_an_amount": (False, "found 1, expected 0"),
    }
    nothing_new = checked(run(WEB_EVENTS))
    assert nothing_new["accepted_values_kind_new"][0]
    assert not nothing_new["orders_have_an_amount"][0]
    dry = checked(run(WEB_EVENTS, dry_run=True))
    assert not dry["accepted_values_kind_new"][0]  # a dry run looks at the whole table


def test_a_change_of_rows_is_seen_from_the_second_landing_on(
    located: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "own"))
    (tmp_path / "own" / "s3").mkdir(parents=True)
    (tmp_path / "own" / "s3" / "n.yml").write_text(
        "version: 1\nsource: {connection: lake, prefix: n/, format: parquet}\ndestination: {database: d}\n"
        "columns: [{name: id, type: Int64, primary_key: true}]\n"
        "checks: [row_count: {change: 20%}, unique: {columns: [id], severity: warn}]\n"
    )
    key = dg.AssetKey(["d", "n"])
    said = []
    for count, name in ((10, "a"), (1, "b"), (5, "c")):
        located.put(f"n/{name}.parquet", parquet({"id": [ord(name) * 100 + each for each in range(count)]}))
        said.append(checked(run(key))["row_count"])
    assert [passed for passed, _ in said] == [True, True, False]
    assert "11 after the load before, 45.5% changed" in said[2][1]


def test_status_and_dagster_have_one_last_success_also_of_a_quiet_run(
    located: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    located.put("web-events/1.parquet", events(0, "view"))

    def status() -> dict[str, object]:
        main(["status", "lake/web_events", "--json"])
        (found,) = json.loads(capsys.readouterr().out)["tables"]
        return dict(found)

    with dg.instance_for_test() as instance:
        assert status()["standing"] == "never loaded"
        run(WEB_EVENTS, within=instance)
        first = status()["last_success_at"]
        run(WEB_EVENTS, within=instance)
        found = status()
        dagsters = last_successes(instance, ["lake/web_events"])["lake/web_events"]
    assert str(found["last_success_at"]) > str(first)  # nothing was new
    noted = datetime.datetime.fromisoformat(str(found["last_success_at"]))
    assert abs(dagsters - noted) < datetime.timedelta(seconds=30)
    assert found["standing"] == "ok"


def test_a_run_without_the_variable_says_which_one_to_set(
    located: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("S3_LAKE_URL")
    result = run(WEB_EVENTS)
    assert not result.success
    assert "Set S3_LAKE_URL to s3://bucket" in failures(result)
    assert "Set API_SHOP_URL to https://" in failures(run(dg.AssetKey(["shop", "shop_orders"])))
