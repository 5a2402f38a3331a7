"""The example files through Dagster itself: they load without their variables, and a run shows what it brought."""

from __future__ import annotations

import datetime
import uuid
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

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


def run(key: dg.AssetKey, **config: object) -> dg.ExecuteInProcessResult:
    definitions = build_definitions(Settings.from_environment())
    job = definitions.resolve_implicit_global_asset_job_def()
    with dg.instance_for_test() as instance:
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


def test_a_run_without_the_variable_says_which_one_to_set(
    located: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("S3_LAKE_URL")
    result = run(WEB_EVENTS)
    assert not result.success
    assert "Set S3_LAKE_URL to s3://bucket" in failures(result)
    assert "Set API_SHOP_URL to https://" in failures(run(dg.AssetKey(["shop", "shop_orders"])))
