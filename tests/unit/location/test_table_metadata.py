"""What a run shows in the UI, over results made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import pytest

from dagster_pipeline.factories import progress_events
from dagster_pipeline.factories.progress_events import ProgressEvents
from dagster_pipeline.factories.table_lag import lag_seconds
from dagster_pipeline.schema.models import ColumnSchema, DestinationRef, SourceRef, SyncSettings, TableSchema
from dagster_pipeline.sync.progress import Progress

NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)


def table(kind: str) -> TableSchema:
    return TableSchema(
        path=Path("schemas/postgres/db/t.yml"),
        group="db",
        source=SourceRef(dialect="postgres", connection="db", database="db", table="t"),
        destination=DestinationRef(database="db", table="t", engine="ReplacingMergeTree", order_by=("id",)),
        sync=SyncSettings.model_validate({"cursor": "at"}),
        columns=(
            ColumnSchema(name="id", type="bigint", primary_key=True),
            ColumnSchema(name="at", type=kind),
        ),
    )


@pytest.mark.parametrize(
    ("kind", "newest", "seconds"),
    [
        ("timestamp with time zone", "2024-03-15 13:59:30+02", 30),
        ("timestamp(3) without time zone", "2024-03-15 11:59:59.5", 0.5),
        ("timestamptz", "2024-03-15 12:00:10.000001+00", -10.000001),
        ("date", "2024-03-15", 12 * 3600),
        ("bigint", "17", None),
        ("timestamp", "infinity", None),
        ("timestamp", None, None),
    ],
)
def test_lag_is_now_minus_the_newest_cursor(kind: str, newest: str | None, seconds: float | None) -> None:
    assert lag_seconds(table(kind), newest, now=NOW) == seconds


def test_a_table_without_a_cursor_has_no_lag() -> None:
    schema = table("date").model_copy(update={"sync": SyncSettings()})
    assert lag_seconds(schema, "2024-01-01", now=NOW + timedelta(1)) is None


def test_a_long_load_is_logged_often_and_observed_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Mock(monotonic=Mock(side_effect=[0.0, 5.0, 30.0, 35.0, 61.0]))
    monkeypatch.setattr(progress_events, "time", clock)  # not the module's own, which others read too
    context = Mock(spec=dg.AssetExecutionContext)
    events = ProgressEvents(context, dg.AssetKey(["db", "t"]), table="db/t")
    for rows in (10, 20, 30, 40):
        events(Progress(rows, 100 * rows, 2.0, 1, 4, 100))
    assert context.log.info.call_count == 4
    observations = [call.args[0] for call in context.log_event.call_args_list]
    assert [seen.metadata["progress/rows"].value for seen in observations] == [20, 40]
    assert observations[0].asset_key == dg.AssetKey(["db", "t"])
    assert observations[0].metadata["progress/seconds left"].value == 8.0
