"""An export as Dagster runs it: an asset behind its table, with what happened as metadata."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.settings import Settings
from tests.contract.exports.export_rig import ExportRig
from tests.contract.exports.s3_case import S3Case

KEY = dg.AssetKey(["exports", "orders"])


@pytest.fixture
def s3_rig(s3_case: S3Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExportRig]:
    (tmp_path / "warehouse").mkdir()
    rig = ExportRig(tmp_path, s3_case)
    monkeypatch.setenv("SCHEMAS_DIR", str(rig.schemas))
    monkeypatch.setenv("CLICKHOUSE_URL", rig.warehouse_url)
    monkeypatch.setenv("STATE_URL", f"sqlite:///{tmp_path}/state.sqlite")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    for name, value in s3_case.environment().items():
        monkeypatch.setenv(name, value)
    yield rig
    rig.close()


def test_an_export_runs_as_an_asset(s3_rig: ExportRig, monkeypatch: pytest.MonkeyPatch):
    rig = s3_rig
    rig.orders(rig.describe("merge", schedule="20 * * * *", freshness="2h", retries={"max": 0}))
    rig.put_many(0, 100)
    expected = rig.expected()
    rig.leave_warehouse()
    definitions = build_definitions(Settings.from_environment())
    job = definitions.resolve_implicit_global_asset_job_def()
    node = definitions.resolve_asset_graph().get(KEY)
    assert node.parent_keys == {dg.AssetKey(["shop", "orders"])}
    assert [schedule.name for schedule in definitions.schedules or ()].count("exports__orders_schedule") == 1
    with dg.instance_for_test() as instance:

        def run(**config: Any) -> dg.ExecuteInProcessResult:
            return job.execute_in_process(
                instance=instance,
                asset_selection=[KEY],
                run_config={"ops": {"exports__orders": {"config": config}}},
                raise_on_error=False,
            )

        dry = run(dry_run=True)
        assert dry.success
        assert dry.asset_materializations_for_node("exports__orders") == []
        assert rig.seen() == []
        done = run()
        (told,) = done.asset_materializations_for_node("exports__orders")
        assert (told.metadata["rows"].value, told.metadata["dagster/row_count"].value) == (100, 100)
        assert rig.seen() == expected
        monkeypatch.setenv("S3_LAKE_URL", rig.case.nowhere()["S3_LAKE_URL"])
        failed = run(full_refresh=True)
        assert not failed.success
        (event,) = [each for each in failed.all_events if each.is_step_failure]
        assert "s3cret-word" not in str(event)
