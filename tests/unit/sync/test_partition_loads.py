"""The engine's promises for partitions, over a source and a sink in memory and a real state store."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import DataQualityError, FatalError, ShrinkRefusedError, TableLockedError
from dagster_pipeline.schema.models import (
    ColumnSchema,
    DestinationRef,
    Partitions,
    SourceRef,
    SyncSettings,
    TableSchema,
)
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync.config import SyncConfig
from dagster_pipeline.sync.engine import TableSync
from dagster_pipeline.sync.partition_slice import partition_slice
from dagster_pipeline.sync.result import SyncResult
from dagster_pipeline.sync.table_lock import MOST_LOCKS
from tests.unit.sync.in_memory import MemorySink, MemorySource, Row

DAYS = tuple(f"2024-01-{day:02}" for day in range(1, 29))
PER_DAY = 1_500


def table_schema(*, key: bool = True) -> TableSchema:
    return TableSchema(
        path=Path("schemas/postgres/db/t.yml"),
        group="db",
        source=SourceRef(dialect="postgres", connection="db", database="db", table="t"),
        destination=DestinationRef(
            database="db",
            table="t",
            engine="ReplacingMergeTree" if key else "MergeTree",
            order_by=("id",) if key else (),
        ),
        sync=SyncSettings.model_validate({"chunk_rows": 1_000, "parallelism": 1}),
        partitions=Partitions.model_validate({"by": "at", "every": "day", "start": "2024-01-01"}),
        columns=(
            ColumnSchema(name="id", type="text", primary_key=key),
            ColumnSchema(name="at", type="timestamp", immutable=True),
        ),
    )


def rows_of(day: str, *, name: str = "row", count: int = PER_DAY) -> list[Row]:
    return [{"id": f"{name}-{day}-{n:05}", "at": f"{day} 00:{n // 60:02}:{n % 60:02}"} for n in range(count)]


class Stage:
    """One partitioned table; `run` is one run of some partitions."""

    def __init__(self, tmp_path: Path, schema: TableSchema) -> None:
        self.schema = schema
        self.source = MemorySource(schema, [row for day in DAYS[:3] for row in rows_of(day)])
        self.sink = MemorySink()
        self.state = StateManager(
            DatabaseUrl.parse(f"sqlite:///{tmp_path}/state.sqlite", variable="STATE_URL", schemes=())
        )

    def run(self, *keys: str, origin: str = "", **config: bool) -> SyncResult:
        return TableSync(
            self.schema,
            source=self.source,
            sink=self.sink,
            state=self.state,
            run_id="run",
            part=partition_slice(self.schema, keys),
            origin=origin,
            config=SyncConfig(**config),
        ).run()

    def fail(self, *keys: str, origin: str) -> None:
        """A run that ends after its first chunk."""
        self.sink.fail_after_write = [FatalError("the first chunk is not acknowledged")]
        with pytest.raises(FatalError):
            self.run(*keys, origin=origin)

    def visible(self, day: str) -> list[str]:
        names = [row[0] for row, _version in self.sink.tables["t"].rows if row[1].startswith(day)]
        return sorted(set(names) if self.schema.primary_key else names)

    def expected(self, day: str) -> list[str]:
        return sorted(str(row["id"]) for row in self.source.rows if str(row["at"]).startswith(day))


@pytest.fixture(params=[True, False], ids=["key", "no key"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return Stage(tmp_path, table_schema(key=request.param))


def test_other_partitions_are_not_touched(stage: Stage) -> None:
    stage.run(*DAYS[:3])
    stage.source.rows = [row for day in DAYS[:3] for row in rows_of(day, name="new")]
    stage.run(DAYS[1])
    assert stage.visible(DAYS[1]) == stage.expected(DAYS[1])
    assert all(name.startswith("row") for day in (DAYS[0], DAYS[2]) for name in stage.visible(day))
    assert list(stage.sink.tables) == ["t"]


def test_a_retry_of_the_run_goes_on_and_writes_each_row_once(stage: Stage) -> None:
    stage.fail(*DAYS[:2], origin="first")
    before = len(stage.source.reads)
    result = stage.run(*DAYS[:2], origin="first")
    assert result.resumed
    assert len(stage.source.reads) > before
    assert [stage.visible(day) for day in DAYS[:2]] == [stage.expected(day) for day in DAYS[:2]]


def test_another_run_reads_anew_since_no_cursor_would_bring_what_changed_meanwhile(stage: Stage) -> None:
    stage.run(DAYS[0])
    stage.fail(DAYS[0], origin="first")
    stage.source.rows = rows_of(DAYS[0], name="corrected")
    result = stage.run(DAYS[0], origin="second")
    assert not result.resumed
    assert stage.visible(DAYS[0]) == stage.expected(DAYS[0])


def test_a_retry_does_not_put_older_rows_over_those_of_a_run_in_between(stage: Stage) -> None:
    stage.fail(*DAYS[:2], origin="first")
    stage.source.rows = [row for day in DAYS[:2] for row in rows_of(day, name="corrected")]
    stage.run(DAYS[0], origin="second")
    result = stage.run(*DAYS[:2], origin="first")
    assert not result.resumed
    assert [stage.visible(day) for day in DAYS[:2]] == [stage.expected(day) for day in DAYS[:2]]
    assert list(stage.sink.tables) == ["t"]


def test_a_failed_load_of_other_partitions_is_left_alone(stage: Stage) -> None:
    stage.fail(DAYS[0], origin="first")
    stage.run(DAYS[1], origin="second")
    (left,) = stage.state.open_loads("db/t")
    assert left.partition == DAYS[0]
    assert left.staging in stage.sink.tables


def test_a_run_of_many_partitions_has_the_table_for_itself_and_clears_what_is_left(stage: Stage) -> None:
    stage.fail(DAYS[0], origin="first")
    assert len(DAYS) > MOST_LOCKS
    with stage.state.lock("db/t", owner="other", partition=DAYS[20]), pytest.raises(TableLockedError):
        stage.run(*DAYS)
    stage.run(*DAYS, origin="second")
    assert stage.state.open_loads("db/t") == ()
    assert list(stage.sink.tables) == ["t"]


def test_two_runs_of_one_partition_exclude_each_other_and_of_two_do_not(stage: Stage) -> None:
    with stage.state.lock("db/t", owner="other", partition=DAYS[1]):
        stage.run(DAYS[0])
        with pytest.raises(TableLockedError):
            stage.run(*DAYS[:2])


def test_a_partition_does_not_lose_most_of_its_rows_unasked(stage: Stage) -> None:
    stage.run(DAYS[0])
    stage.source.rows = rows_of(DAYS[0], count=5)
    with pytest.raises(ShrinkRefusedError, match=f"{PER_DAY:,} rows of {DAYS[0]} of db.t by 5"):
        stage.run(DAYS[0])
    assert len(stage.visible(DAYS[0])) == PER_DAY
    stage.run(DAYS[0], allow_shrink=True)
    assert len(stage.visible(DAYS[0])) == 5


def test_a_row_that_the_warehouse_does_not_find_in_the_partition_stops_the_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.run(DAYS[0])
    counted = MemorySink.count_slice
    monkeypatch.setattr(MemorySink, "count_slice", lambda *arguments: counted(*arguments) - 1)
    with pytest.raises(DataQualityError, match=r"1 row.* 'at' that ClickHouse does not see in 2024-01-01"):
        stage.run(DAYS[0])


def test_rows_before_the_first_partition_are_counted(stage: Stage) -> None:
    stage.source.rows += rows_of("2023-12-31", count=7)
    assert stage.run(DAYS[0]).rows_in_no_partition == 7


def test_an_open_load_of_values_is_the_same_after_the_store_was_closed(tmp_path: Path) -> None:
    schema = table_schema().model_copy(
        update={"partitions": Partitions.model_validate({"by": "id", "values": ["a", "b"]})}
    )
    stage = Stage(tmp_path, schema)
    stage.source.rows = [{"id": "a", "at": "2024-01-01 00:00:00"}]
    stage.fail("a", "b", origin="first")
    with ExitStack() as stack:
        again = stack.enter_context(
            closing(
                StateManager(
                    DatabaseUrl.parse(f"sqlite:///{tmp_path}/state.sqlite", variable="U", schemes=())
                )
            )
        )
        (left,) = again.open_loads("db/t")
        assert left.window.values == ("a", "b")
    assert stage.run("a", "b", origin="first").resumed
