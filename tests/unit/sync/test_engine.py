"""The engine's promises, over a source and a sink in memory and a real state store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagster_pipeline.connectors.batch import SourceColumn, WriteReceipt
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import (
    ConfigurationError,
    DataQualityError,
    FatalError,
    RetriableError,
    ShrinkRefusedError,
    TableLockedError,
)
from dagster_pipeline.schema.models import (
    ColumnSchema,
    DestinationRef,
    NullCursor,
    OnDrift,
    SourceRef,
    SyncMode,
    SyncSettings,
    TableSchema,
)
from dagster_pipeline.state.records import ChunkStatus
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.sync import chunk_mover
from dagster_pipeline.sync.config import SyncConfig
from dagster_pipeline.sync.engine import TableSync
from dagster_pipeline.sync.progress import Progress
from dagster_pipeline.sync.result import SyncResult
from tests.unit.sync.in_memory import MemorySink, MemorySource, Row

CHUNK_ROWS = 1_000


def table_schema(mode: SyncMode = SyncMode.INCREMENTAL, *, key: bool = True, **sync: object) -> TableSchema:
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
        sync=SyncSettings.model_validate(
            {"mode": mode, "cursor": "at", "chunk_rows": CHUNK_ROWS, "parallelism": 1} | sync
        ),
        columns=(
            ColumnSchema(name="id", type="text", primary_key=key),
            ColumnSchema(name="at", type="text", nullable=True),
        ),
    )


def rows_of(count: int, *, first: int = 0, at: str = "t") -> list[Row]:
    return [{"id": f"{number:06}", "at": f"{at}{number:06}"} for number in range(first, first + count)]


class Stage:
    """One table with its source, sink and state; `run` is one run."""

    def __init__(self, tmp_path: Path, schema: TableSchema, rows: list[Row]) -> None:
        self.schema = schema
        self.source = MemorySource(schema, rows)
        self.sink = MemorySink()
        self.path = tmp_path
        self.state = StateManager(
            DatabaseUrl.parse(f"sqlite:///{tmp_path}/state.sqlite", variable="STATE_URL", schemes=())
        )
        self.progress: list[Progress] = []

    def run(self, **config: bool) -> SyncResult:
        return TableSync(
            self.schema,
            source=self.source,
            sink=self.sink,
            state=self.state,
            run_id="run",
            config=SyncConfig(**config),
            report=self.progress.append,
        ).run()

    def visible(self, result: SyncResult) -> list[tuple[str, ...]]:
        return sorted(self.sink.visible(result.table))

    def source_rows(self) -> list[tuple[str, ...]]:
        return sorted((str(row["id"]), row["at"] or r"\N") for row in self.source.rows)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_mover, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(chunk_mover, "LONGEST_WAIT_SECONDS", 0.002)


def test_a_first_load_moves_every_row_in_chunks_and_sets_the_cursor(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(3_500))
    result = stage.run()
    assert stage.visible(result) == stage.source_rows()
    assert (result.moved.rows, result.moved.chunks, result.chunks_planned) == (3_500, 4, 4)
    assert (result.cursor_before, result.cursor_after) == (None, "t003499")
    assert result.rows_in_destination == 3_500


def test_the_next_run_reads_only_what_changed_and_the_ties_of_the_last_value(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(2_000))
    stage.run()
    stage.source.rows[5]["at"] = "u000000"
    stage.source.rows.append({"id": "tie", "at": "t001999"})
    result = stage.run()
    assert result.moved.rows == 3
    assert stage.visible(result) == stage.source_rows()


def test_a_run_reads_nothing_when_the_newest_value_was_settled_before(tmp_path: Path) -> None:
    for mode in (SyncMode.INCREMENTAL, SyncMode.APPEND):
        (tmp_path / mode).mkdir()
        stage = Stage(tmp_path / mode, table_schema(mode), rows_of(100))
        stage.run()
        stage.source.reads.clear()
        result = stage.run()
        assert (stage.source.reads, result.moved.rows, result.rows_in_destination) == ([], 0, 100)
        stage.source.rows += rows_of(1, first=100)
        assert stage.visible(stage.run()) == stage.source_rows()


def test_a_run_reads_although_nothing_is_new_when_the_file_asks_for_it(tmp_path: Path) -> None:
    rows: list[Row] = [*rows_of(100), {"id": "none", "at": None}]
    for name, sync in (("lookback", {"lookback": "1m"}), ("null_cursor", {"null_cursor": "include"})):
        (tmp_path / name).mkdir()
        stage = Stage(tmp_path / name, table_schema(**{"null_cursor": "exclude", **sync}), rows)
        stage.run()
        stage.source.reads.clear()
        stage.run()
        assert stage.source.reads


def test_a_row_that_was_not_settled_yet_is_read_again_by_the_next_run(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(100))
    stage.source.settled = "t000050"
    assert stage.run().cursor_after == "t000050"
    stage.source.rows.append({"id": "late", "at": "t000051"})
    stage.source.settled = None
    assert ("late", "t000051") in stage.visible(stage.run())


def test_a_load_that_died_between_chunks_goes_on_where_the_ledger_stands(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(3_000))
    stage.sink.fail_after_write = [FatalError("broken")]
    with pytest.raises(FatalError):
        stage.run()
    stage.source.reads.clear()
    stage.sink.fail_after_write = []
    result = stage.run()
    assert result.resumed
    assert len(stage.source.reads) == result.moved.chunks < 4
    assert stage.visible(result) == stage.source_rows()
    assert stage.state.read("db/t").open_load is None


def test_a_chunk_whose_acknowledgement_was_lost_is_not_doubled(tmp_path: Path) -> None:
    for key in (True, False):
        folder = tmp_path / str(key)
        folder.mkdir()
        stage = Stage(folder, table_schema(SyncMode.APPEND, key=key), rows_of(2_500))
        stage.sink.fail_after_write = [RetriableError("connection lost"), RetriableError("connection lost")]
        result = stage.run()
        assert stage.visible(result) == stage.source_rows()
        assert len(stage.sink.writes) == result.moved.chunks + 2


def test_a_passing_error_is_tried_again_within_the_chunk_and_a_fatal_one_is_not(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(10))
    stage.source.fail_reads = [RetriableError("deadlock")]
    assert stage.run().moved.rows == 10
    stage.source.rows += rows_of(1, first=10)
    stage.source.fail_reads = [FatalError("no"), FatalError("must not be reached")]
    with pytest.raises(FatalError):
        stage.run()
    assert len(stage.source.fail_reads) == 1


def test_an_append_table_gets_each_row_once_and_nothing_beyond_what_is_settled(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.APPEND, key=False), rows_of(10))
    stage.source.settled = "t000004"
    assert stage.visible(stage.run()) == stage.source_rows()[:5]
    stage.source.settled = None
    result = stage.run()
    assert result.moved.rows == 5
    assert stage.visible(result) == stage.source_rows()
    assert stage.visible(stage.run()) == stage.source_rows()


def test_a_full_refresh_of_an_append_table_ends_at_what_is_settled(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.APPEND, key=False), rows_of(10))
    stage.source.settled = "t000007"
    stage.run(full_refresh=True)
    stage.source.settled = None
    assert stage.visible(stage.run()) == stage.source_rows()


def test_a_full_load_replaces_the_table_and_drops_what_vanished(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.FULL), rows_of(2_000))
    stage.run()
    del stage.source.rows[:100]
    result = stage.run()
    assert stage.visible(result) == stage.source_rows()
    assert list(stage.sink.tables) == ["t"]


def test_a_full_load_that_fails_leaves_the_table_as_it_was_and_is_resumed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.FULL), rows_of(2_500))
    first = stage.run()
    stage.source.rows = rows_of(2_500, at="z")
    stage.source.fail_reads = [FatalError("broken")]
    with pytest.raises(FatalError):
        stage.run()
    assert {at[0] for _id, at in stage.visible(first)} == {"t"}
    result = stage.run()
    assert result.resumed
    assert stage.visible(result) == stage.source_rows()


def test_a_run_killed_right_after_the_exchange_does_not_exchange_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.FULL), rows_of(1_500))
    stage.run()
    stage.source.rows = rows_of(1_500, at="z")
    stage.sink.fail_after_swap = [RetriableError("killed")]
    with pytest.raises(RetriableError):
        stage.run()
    result = stage.run()
    assert result.resumed
    assert stage.visible(result) == stage.source_rows()
    assert list(stage.sink.tables) == ["t"]


def test_a_full_load_without_key_begins_anew_after_a_crash_rather_than_double_rows(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.FULL, key=False, cursor=None), rows_of(2_000))
    stage.source.fail_reads = [RetriableError("connection lost")]
    with pytest.raises(RetriableError):
        stage.run()
    result = stage.run()
    assert not result.resumed
    assert stage.visible(result) == stage.source_rows()
    assert list(stage.sink.tables) == ["t"]


def test_a_much_smaller_full_load_is_refused_until_it_is_allowed_and_is_not_read_again(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.FULL), rows_of(2_000))
    first = stage.run()
    del stage.source.rows[100:]
    with pytest.raises(ShrinkRefusedError, match=r"2,000 rows of db.t by 100"):
        stage.run()
    assert len(stage.visible(first)) == 2_000
    stage.source.reads.clear()
    result = stage.run(allow_shrink=True)
    assert stage.visible(result) == stage.source_rows()
    assert stage.source.reads == []


def test_a_version_never_goes_back_even_when_the_state_is_lost(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(10))
    for _ in range(3):
        table = stage.run().table
    before = stage.sink.highest_version(table)
    stage.state.close()
    (tmp_path / "other").mkdir()
    stage.state = StateManager(
        DatabaseUrl.parse(f"sqlite:///{tmp_path}/other/state.sqlite", variable="STATE_URL", schemes=())
    )
    stage.run()
    assert stage.sink.highest_version(table) > before


def test_a_column_that_vanished_at_the_source_stops_the_run_before_anything_is_written(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(10))
    stage.source.columns = [SourceColumn("id", "text", nullable=False)]
    with pytest.raises(ConfigurationError, match=r"no column 'at' \(schemas/postgres/db/t.yml:1\)"):
        stage.run()
    assert stage.sink.tables == {}
    assert stage.state.read("db/t").open_load is None


def test_a_column_that_only_the_source_has_follows_on_drift(tmp_path: Path) -> None:
    for policy in OnDrift:
        folder = tmp_path / policy
        folder.mkdir()
        rows: list[Row] = [row | {"extra": "x"} for row in rows_of(10)]
        stage = Stage(folder, table_schema(on_drift=policy), rows)
        stage.source.columns.append(SourceColumn("extra", "text", nullable=False))
        if policy is OnDrift.FAIL:
            with pytest.raises(ConfigurationError, match="extra"):
                stage.run()
            continue
        result = stage.run()
        assert [column.name for column in result.table.columns][2:] == ["extra"] * (policy is OnDrift.ADD)
        assert any("extra" in note for note in result.notes)
        assert any("extra" in note for note in result.drift)


def test_rows_loaded_after_the_store_was_put_back_from_an_older_copy_win(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(10))
    stage.run()
    stage.state.close()
    older = (tmp_path / "state.sqlite").read_bytes()
    for number in range(3):
        stage.source.rows[0]["at"] = f"u{number}"
        stage.run()
    stage.state.close()
    (tmp_path / "state.sqlite").write_bytes(older)
    for leftover in tmp_path.glob("state.sqlite-*"):
        leftover.unlink()
    stage.source.rows[0]["at"] = "v"
    result = stage.run()
    assert ("000000", "v") in stage.visible(result)
    assert len(stage.visible(result)) == 10


@pytest.mark.parametrize("nullable", [True, False])
def test_a_column_that_is_gained_later_gets_the_values_of_rows_that_never_change_again(
    tmp_path: Path, *, nullable: bool
) -> None:
    rows: list[Row] = [row | {"extra": "x"} for row in rows_of(2_500)]
    stage = Stage(tmp_path, table_schema(), rows)
    stage.run()
    stage.source.columns.append(SourceColumn("extra", "text", nullable=nullable))
    stage.sink.fail_alters = [RetriableError("gone away")]
    with pytest.raises(RetriableError):
        stage.run()
    result = stage.run()
    assert sorted(stage.visible(result)) == [(row["id"], row["at"], "x") for row in rows]
    assert stage.run().moved.rows == 0


def test_a_column_that_is_gained_empty_costs_nothing(tmp_path: Path) -> None:
    rows: list[Row] = [row | {"extra": None} for row in rows_of(2_500)]
    stage = Stage(tmp_path, table_schema(lookback=1), rows)
    stage.run()
    rows.append({"id": "x", "at": "u", "extra": "x"})
    stage.source.columns.append(SourceColumn("extra", "text", nullable=True))
    result = stage.run()
    assert (result.moved.rows, result.cursor_before) == (2, rows[-2]["at"])


def test_an_append_table_says_that_a_gained_column_is_empty_in_old_rows(tmp_path: Path) -> None:
    rows: list[Row] = [row | {"extra": "x"} for row in rows_of(10)]
    stage = Stage(tmp_path, table_schema(SyncMode.APPEND, key=False), rows)
    stage.run()
    rows.append({"id": "x", "at": "u", "extra": "x"})
    stage.source.columns.append(SourceColumn("extra", "text", nullable=True))
    result = stage.run()
    assert result.moved.rows == 1
    assert any("gained extra" in note and "full_refresh: true" in note for note in result.notes)


def test_rows_with_a_null_cursor_follow_the_policy_and_are_counted(tmp_path: Path) -> None:
    for policy, expected in ((NullCursor.INCLUDE, 11), (NullCursor.EXCLUDE, 10)):
        folder = tmp_path / policy
        folder.mkdir()
        stage = Stage(folder, table_schema(null_cursor=policy), [*rows_of(10), {"id": "none", "at": None}])
        result = stage.run()
        assert (len(stage.visible(result)), result.null_cursor_rows) == (expected, 1)
        assert len(stage.visible(stage.run())) == expected
    stage = Stage(tmp_path, table_schema(null_cursor=NullCursor.FAIL), [{"id": "none", "at": None}])
    with pytest.raises(DataQualityError, match=r"1 row\(s\) have no value in 'at'"):
        stage.run()
    assert stage.sink.tables == {}


def test_a_full_refresh_leaves_out_rows_with_a_null_cursor_as_every_run_does(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path, table_schema(null_cursor=NullCursor.EXCLUDE), [*rows_of(10), {"id": "none", "at": None}]
    )
    assert len(stage.visible(stage.run(full_refresh=True))) == 10


def test_a_load_of_another_shape_is_abandoned_and_begun_anew(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.FULL), rows_of(3_000))
    stage.source.fail_reads = [FatalError("broken")]
    with pytest.raises(FatalError):
        stage.run()
    stage.schema = stage.source.schema = table_schema(SyncMode.FULL, null_cursor=NullCursor.EXCLUDE)
    result = stage.run()
    assert not result.resumed
    assert list(stage.sink.tables) == ["t"]


def test_two_runs_of_one_table_do_not_work_at_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(10))
    with stage.state.lock("db/t", owner="other run"), pytest.raises(TableLockedError, match="other run"):
        stage.run()
    assert stage.run().moved.rows == 10


def test_an_interrupt_closes_the_source_and_the_next_run_goes_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(3_000))
    stage.source.fail_reads = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    assert stage.source.closed
    result = stage.run()
    assert result.resumed
    assert stage.visible(result) == stage.source_rows()


def _forget(stage: Stage) -> None:
    stage.state.close()
    (stage.path / "other").mkdir()
    stage.state = StateManager(
        DatabaseUrl.parse(f"sqlite:///{stage.path}/other/state.sqlite", variable="STATE_URL", schemes=())
    )


def test_an_append_table_whose_position_was_lost_is_never_read_twice(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.APPEND, key=False), rows_of(10))
    table = stage.run().table
    _forget(stage)
    with pytest.raises(ConfigurationError, match=r"db.t holds 10 rows.*state set.*full_refresh"):
        stage.run()
    assert sorted(stage.sink.visible(table)) == stage.source_rows()
    stage.source.rows += rows_of(5, first=10)
    assert stage.visible(stage.run(full_refresh=True)) == stage.source_rows()
    stage.source.rows += rows_of(5, first=15)
    assert stage.visible(stage.run()) == stage.source_rows()


def test_a_lost_position_is_no_matter_where_rows_replace_each_other(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.APPEND), rows_of(10))
    stage.run()
    _forget(stage)
    assert stage.visible(stage.run()) == stage.source_rows()


def test_half_an_append_load_is_never_begun_anew_under_another_file(tmp_path: Path) -> None:
    file = table_schema(SyncMode.APPEND, key=False)
    stage = Stage(tmp_path, file, rows_of(3_000))
    stage.sink.fail_after_write = [FatalError("broken")]
    with pytest.raises(FatalError):
        stage.run()
    changed = table_schema(SyncMode.APPEND, key=False, null_cursor=NullCursor.EXCLUDE)
    stage.schema = stage.source.schema = changed
    stage.sink.fail_after_write = []
    with pytest.raises(ConfigurationError, match=r"in the middle of load \w{12}.*Undo the change"):
        stage.run()
    stage.schema = stage.source.schema = file
    assert stage.visible(stage.run()) == stage.source_rows()
    stage.schema = stage.source.schema = changed
    assert stage.visible(stage.run()) == stage.source_rows()


@pytest.mark.parametrize("mode", [SyncMode.INCREMENTAL, SyncMode.APPEND])
def test_a_table_that_is_gone_is_loaded_from_the_start(tmp_path: Path, mode: SyncMode) -> None:
    stage = Stage(tmp_path, table_schema(mode, key=mode is SyncMode.INCREMENTAL), rows_of(2_500))
    table = stage.run().table
    stage.sink.drop("db", "t")
    result = stage.run()
    assert stage.visible(result) == stage.source_rows()
    assert "gone" in result.notes[0]
    stage.source.rows += rows_of(2_500, first=2_500)
    stage.sink.fail_after_write = [FatalError("broken")]
    with pytest.raises(FatalError):
        stage.run()
    stage.sink.drop("db", "t")
    assert stage.sink.count_rows(table) == 0
    assert stage.visible(stage.run()) == stage.source_rows()


def test_a_run_that_died_before_it_read_a_table_that_was_gone_does_not_lose_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, table_schema(), rows_of(100))
    stage.run()
    stage.sink.drop("db", "t")
    stage.source.fail_reads = [FatalError("broken")]
    with pytest.raises(FatalError):
        stage.run()
    assert stage.visible(stage.run()) == stage.source_rows()


def test_a_run_that_lost_its_lock_while_it_wrote_neither_counts_the_chunk_nor_publishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.FULL), rows_of(10))
    first = stage.run()
    stage.source.rows = rows_of(10, at="z")
    write = stage.sink.write

    def write_and_lose(*arguments: Any) -> WriteReceipt:
        receipt = write(*arguments)
        stage.state.release_lock("db/t")
        return receipt

    monkeypatch.setattr(stage.sink, "write", write_and_lose)
    with pytest.raises(TableLockedError, match="lost its lock"):
        stage.run()
    left = stage.state.read("db/t").open_load
    assert left
    assert [chunk.status for chunk in left.chunks] == [ChunkStatus.STARTED]
    assert {at[0] for _id, at in stage.visible(first)} == {"t"}
    monkeypatch.undo()
    assert stage.visible(stage.run()) == stage.source_rows()


def test_a_run_that_lost_its_lock_after_its_last_chunk_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, table_schema(SyncMode.FULL), rows_of(10))
    first = stage.run()
    stage.source.rows = rows_of(10, at="z")
    commit = stage.state.commit_chunk

    def commit_and_lose(*arguments: Any, **named: Any) -> None:
        commit(*arguments, **named)
        stage.state.release_lock("db/t")

    monkeypatch.setattr(stage.state, "commit_chunk", commit_and_lose)
    with pytest.raises(TableLockedError, match="lost its lock"):
        stage.run()
    assert {at[0] for _id, at in stage.visible(first)} == {"t"}
    monkeypatch.undo()
    assert stage.visible(stage.run()) == stage.source_rows()


def test_a_run_that_wakes_up_beside_the_one_that_took_over_ends_by_its_lost_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it stood still: before its load was opened, or in the middle of it."""
    for place in ("split", "stream"):
        (tmp_path / place).mkdir()
        stage = Stage(tmp_path / place, table_schema(SyncMode.FULL), rows_of(1_500))
        call = getattr(stage.source, place)

        def stand_still(*arguments: Any, stage: Stage = stage, call: Any = call, **named: Any) -> Any:
            monkeypatch.undo()
            stage.state.release_lock("db/t")
            stage.run()  # another run does all of it
            return call(*arguments, **named)

        monkeypatch.setattr(stage.source, place, stand_still)
        with pytest.raises(TableLockedError, match="lost its lock"):
            stage.run()
        assert stage.state.read("db/t").open_load is None
        result = stage.run()
        assert stage.visible(result) == stage.source_rows()
        assert list(stage.sink.tables) == ["t"]
