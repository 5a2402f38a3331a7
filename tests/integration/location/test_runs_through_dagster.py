"""One table through Dagster itself: what a run shows when it ends well, and how it ends when it cannot."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.records import TableState
from dagster_pipeline.state.state_manager import StateManager

KEY = dg.AssetKey(["shop", "orders"])
FILE = """
version: 1
description: One row per order.
sync: {mode: incremental, cursor: updated_at, chunk_rows: 1000}
retries: {max: 1, delay: 0s}
columns:
  - {name: id, type: bigint, primary_key: true, description: Order number.}
  - {name: note, type: text, nullable: true}
  - {name: email, type: text, mask: sha256}
  - {name: updated_at, type: timestamp with time zone}
checks:
  - unique: [id]
  - row_count: {max: 10, severity: warn}
"""
ROWS = 2_500

Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def source(postgres_server: Any) -> str:
    url: str = postgres_server.create_database("shop")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE orders (id bigint PRIMARY KEY, note text, email text NOT NULL, updated_at timestamptz NOT NULL)"
        )
        cursor.execute(
            "INSERT INTO orders SELECT i, 'note ' || i, i || '@example.com', timestamptz '2024-01-01 00:00Z' + i * interval '1 s'"
            f" FROM generate_series(1, {ROWS}) i"
        )
    return url


@pytest.fixture
def run(
    tmp_path: Path, warehouse_dir: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> Generator[Run, None, None]:
    file = tmp_path / "schemas/postgres/shop/orders.yml"
    file.parent.mkdir(parents=True)
    file.write_text(FILE)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("CLICKHOUSE_URL", f"chdb://{warehouse_dir}")
    monkeypatch.setenv("POSTGRES_SHOP_URL", source)
    monkeypatch.delenv("STATE_URL", raising=False)
    with dg.instance_for_test() as instance:

        def once(*, text: str = FILE, **config: object) -> dg.ExecuteInProcessResult:
            file.write_text(text)
            definitions = build_definitions(Settings.from_environment())
            run_config = {"ops": {"shop__orders": {"config": config}}} if config else None
            job = definitions.resolve_implicit_global_asset_job_def()
            return job.execute_in_process(
                instance=instance, asset_selection=[KEY], run_config=run_config, raise_on_error=False
            )

        yield once


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = result.get_step_failure_events()
    error = event.event_specific_data.error
    return error.to_string()


def retries(result: dg.ExecuteInProcessResult) -> int:
    return sum(event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY for event in result.all_events)


def test_a_run_shows_what_it_moved_and_what_it_checked(run: Run) -> None:
    result = run()
    assert result.success
    (materialization,) = result.asset_materializations_for_node("shop__orders")
    metadata: dict[str, Any] = {
        name: value if name == "preview" else value.value for name, value in materialization.metadata.items()
    }
    assert metadata["rows"] == metadata["dagster/row_count"] == ROWS
    assert 1 < int(str(metadata["chunks"])) <= 3
    assert metadata["destination"] == "shop.orders"
    assert metadata["cursor before"] == "none"
    assert str(metadata["cursor after"]).startswith("2024-01-01 00:41:")
    assert float(metadata["rows per second"]) > 0
    assert int(metadata["bytes"]) > ROWS * 10
    columns = {column.name: column for column in metadata["dagster/column_schema"].columns}
    assert (columns["id"].type, columns["id"].description) == ("Int64", "Order number.")
    assert columns["note"].constraints.nullable
    since = (datetime.now(UTC) - datetime(2024, 1, 1, 0, ROWS // 60, ROWS % 60, tzinfo=UTC)).total_seconds()
    assert float(metadata["lag seconds"]) == pytest.approx(since, abs=120)
    assert metadata["parts"] >= 1
    assert metadata["warehouse partitions"] == 1
    assert int(metadata["bytes on disk"]) > 0
    assert f"{ROWS:,} rows" in str(metadata["summary"])
    assert 'FROM "public"."orders"' in str(metadata["source query"])
    preview = metadata["preview"]
    assert len(preview.records) == 5
    for record in preview.records:
        assert record.data["email"] == "(sha256)"
        assert record.data["note"] == f"note {record.data['id']}"
    checks = {
        check.check_name: (check.passed, check.severity) for check in result.get_asset_check_evaluations()
    }
    assert sorted(passed for passed, _ in checks.values()) == [False, True, True]
    assert (False, dg.AssetCheckSeverity.WARN) in checks.values()


def test_a_second_run_moves_only_what_changed(run: Run, source: str) -> None:
    assert run().success
    with psycopg2.connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET note = 'changed', updated_at = now() WHERE id <= 7")
    result = run()
    (materialization,) = result.asset_materializations_for_node("shop__orders")
    assert 7 <= int(str(materialization.metadata["rows"].value)) < 50
    assert materialization.metadata["dagster/row_count"].value == ROWS


def test_a_full_refresh_is_asked_for_in_the_run_config(run: Run) -> None:
    assert run().success
    result = run(full_refresh=True)
    (materialization,) = result.asset_materializations_for_node("shop__orders")
    assert materialization.metadata["rows"].value == ROWS
    assert materialization.metadata["kind"].value == "full"


def test_a_column_that_the_source_does_not_have_fails_once_and_names_file_and_line(run: Run) -> None:
    text = FILE.replace("checks:", "  - {name: nickname, type: text}\nchecks:")
    result = run(text=text)
    assert not result.success
    assert "has no column 'nickname'" in failure(result)
    assert "orders.yml:11" in failure(result)
    assert retries(result) == 0


def test_a_wrong_password_fails_once_and_is_not_repeated(
    run: Run, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = source.rpartition("@")[2].removeprefix("postgresql://")
    wrong = f"postgresql://nobody_known:s3cret@{address}"
    monkeypatch.setenv("POSTGRES_SHOP_URL", wrong)
    result = run()
    assert not result.success
    assert "POSTGRES_SHOP_URL" in failure(result)
    assert "s3cret" not in "".join(str(event) for event in result.all_events)
    assert retries(result) == 0


def test_an_unreachable_host_is_retried_and_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_SHOP_URL", "postgresql://reader:s3cret@127.0.0.1:1/shop")
    result = run()
    assert not result.success
    assert retries(result) == 1
    assert "127.0.0.1:1/shop" in failure(result)
    assert "s3cret" not in "".join(str(event) for event in result.all_events)


def test_a_missing_table_fails_before_anything_is_written(run: Run, warehouse_dir: Path) -> None:
    result = run(
        text=FILE.replace("sync:", "source: {table: ordres}\ndestination: {table: orders}\nsync:", 1)
    )
    assert not result.success
    assert "Did you mean public.orders" in failure(result)
    assert retries(result) == 0
    assert not (warehouse_dir / "metadata" / "shop").exists()


def stored_state() -> tuple[TableState, ...]:
    with closing(StateManager(Settings.from_environment().state_url())) as state:
        return state.tables()


def test_a_dry_run_shows_what_would_happen_and_writes_nothing(
    run: Run, source: str, warehouse_dir: Path
) -> None:
    result = run(dry_run=True)
    assert result.success
    assert not result.asset_materializations_for_node("shop__orders")
    (observation,) = result.asset_observations_for_node("shop__orders")
    seen: dict[str, Any] = {name: value.value for name, value in observation.metadata.items()}
    assert seen["would read rows"] == ROWS
    assert 2 <= seen["would read chunks"] <= 3
    assert str(seen["chunk ranges"]).count("id in (") == seen["would read chunks"]
    assert "CREATE TABLE IF NOT EXISTS `shop`.`orders`" in seen["statements"]
    assert 'FROM "public"."orders"' in seen["source query"]
    assert 0 < seen["sampled rows"] <= ROWS
    assert not (warehouse_dir / "metadata" / "shop").exists()

    assert run().success
    with psycopg2.connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET note = 'changed', updated_at = now() WHERE id <= 7")
    before = stored_state()
    (observation,) = run(dry_run=True).asset_observations_for_node("shop__orders")
    assert 7 <= int(str(observation.metadata["would read rows"].value)) < 50
    assert observation.metadata["rows there now"].value == ROWS
    assert stored_state() == before
    (materialization,) = run().asset_materializations_for_node("shop__orders")
    assert int(str(materialization.metadata["rows"].value)) >= 7


def test_a_window_is_read_again_and_the_cursor_stays(run: Run, source: str) -> None:
    assert run().success
    with psycopg2.connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET note = 'corrected behind the cursor' WHERE id <= 100")
    result = run(window_from="2024-01-01 00:00:01+00", window_to="2024-01-01 00:01:00+00")
    (materialization,) = result.asset_materializations_for_node("shop__orders")
    assert materialization.metadata["rows"].value == 60
    before, after = (str(materialization.metadata[f"cursor {when}"].value) for when in ("before", "after"))
    assert before == after
    assert before.startswith("2024-01-01 00:41:40")


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"window_from": "yesterday evening"}, "yesterday evening"),
        (
            {"window_from": "2024-01-01", "full_refresh": True},
            "only be read again from a table of mode incremental",
        ),
    ],
)
def test_a_choice_that_makes_no_sense_fails_once_and_says_why(
    run: Run, config: dict[str, Any], what: str
) -> None:
    result = run(**config)
    assert not result.success
    assert what in failure(result)
    assert retries(result) == 0


@pytest.mark.parametrize("config", [{"limit": 0}, {"limt": 5}, {"window_to": "x" * 201}])
def test_a_choice_out_of_bounds_is_refused_before_anything_runs(run: Run, config: dict[str, Any]) -> None:
    """Unknown ones when the run is asked for, bounds when its step begins."""
    (name,) = config
    if name == "limt":
        with pytest.raises(dg.DagsterInvalidConfigError, match=name):
            run(**config)
        return
    result = run(**config)
    assert not result.success
    assert name in failure(result)


def test_a_limit_stops_after_a_chunk_and_the_next_run_goes_on(run: Run) -> None:
    text = FILE.replace("chunk_rows: 1000", "chunk_rows: 1000, parallelism: 1")
    (first,) = run(text=text, limit=1).asset_materializations_for_node("shop__orders")
    assert first.metadata["chunks"].value == 1
    assert int(str(first.metadata["chunks left"].value)) >= 1
    assert first.metadata["cursor after"].value == "none"
    (second,) = run(text=text).asset_materializations_for_node("shop__orders")
    assert second.metadata["resumed"].value
    assert second.metadata["dagster/row_count"].value == ROWS
    assert first.metadata["rows"].value + second.metadata["rows"].value == ROWS  # type: ignore[operator]  # both are numbers


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def checked(*checks: str) -> str:
    return FILE.partition("checks:")[0] + "checks:\n" + "".join(f"  - {check}\n" for check in checks)


def test_a_check_shows_its_query_the_failed_rows_and_some_of_them(run: Run) -> None:
    text = checked(
        "between: {column: id, max: 2497, severity: warn}", "not_null: {columns: [note], window: new}"
    )
    result = run(text=text)
    assert result.success
    failed = evaluations(result)["between_id"]
    assert (failed.passed, failed.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert failed.metadata["failed rows"].value == 3
    assert "SELECT count() FROM `shop`.`orders` FINAL" in str(failed.metadata["query"].value)
    assert [dict(record.data) for record in failed.metadata["samples"].records] == [  # type: ignore[attr-defined]
        {"id": "2498"},
        {"id": "2499"},
        {"id": "2500"},
    ]
    assert evaluations(result)["not_null_note_new"].passed


def test_a_check_of_new_rows_sees_what_the_run_wrote(run: Run, source: str) -> None:
    text = checked("not_null: {columns: [note], window: new}", "row_count: {max: 100, window: new}")
    with psycopg2.connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET note = NULL WHERE id = 5")
    assert not evaluations(run(text=text))["not_null_note_new"].passed  # the first load: every row is new
    with psycopg2.connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET note = NULL, updated_at = now() WHERE id BETWEEN 10 AND 12")
    second = evaluations(run(text=text))
    assert second["not_null_note_new"].metadata["failed rows"].value == 3
    assert second["row_count_new"].passed


def test_a_blocking_error_fails_the_run_once_and_the_load_stands(run: Run) -> None:
    result = run(text=checked("between: {column: id, max: 10, blocking: true}", "unique: [id]"))
    assert not result.success
    assert retries(result) == 0
    assert len(result.asset_materializations_for_node("shop__orders")) == 1
    assert {name: check.passed for name, check in evaluations(result).items()} == {
        "between_id": False,
        "no_clear_values": True,
        "unique_id": True,
    }


def test_a_blocking_warning_does_not_fail_the_run(run: Run) -> None:
    assert run(text=checked("between: {column: id, max: 10, blocking: true, severity: warn}")).success


def test_a_check_whose_query_fails_is_an_error_of_the_check_and_the_load_stands(run: Run) -> None:
    result = run(
        text=checked(
            "sql: {name: broken, query: SELECT count() FROM shop.nowhere, severity: warn}", "unique: [id]"
        )
    )
    assert result.success
    assert len(result.asset_materializations_for_node("shop__orders")) == 1
    broken = evaluations(result)["broken"]
    assert (broken.passed, broken.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "UNKNOWN_TABLE" in str(broken.description)
    assert evaluations(result)["unique_id"].passed


RECONCILED = FILE.replace("columns:", "reconcile: {schedule: '0 4 * * 0', repair: true}\ncolumns:")


def test_a_table_is_reconciled_on_its_own_schedule_and_not_by_a_load(run: Run, source: str) -> None:
    result = run(text=RECONCILED)
    assert result.success
    assert set(evaluations(result)) == {"unique_id", "row_count", "no_clear_values"}
    definitions = build_definitions(Settings.from_environment())
    (schedule,) = [each for each in definitions.schedules or () if each.name.startswith("reconcile_")]
    with dg.instance_for_test() as instance:
        tick = schedule.evaluate_tick(  # type: ignore[union-attr]
            dg.build_schedule_context(instance=instance, repository_def=definitions.get_repository_def())
        )
        (request,) = tick.run_requests or ()
        assert request.asset_check_keys == [dg.AssetCheckKey(KEY, "reconciliation")]
        with psycopg2.connect(source) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE orders SET note = 'changed behind its back' WHERE id = 7")
        job = definitions.resolve_job_def("reconcile")
        checks = [evaluations(job.execute_in_process(instance=instance))["reconciliation"] for _ in range(2)]
    assert [check.passed for check in checks] == [False, True]
    assert checks[0].severity == dg.AssetCheckSeverity.WARN  # it was mended
    assert checks[0].metadata["different rows"].value == checks[0].metadata["repaired rows"].value == 1
    assert [dict(record.data) for record in checks[0].metadata["samples"].records] == [  # type: ignore[attr-defined]
        {"kind": "different", "key": "id 7"}
    ]
    etl = definitions.resolve_job_def("etl")
    assert not any("reconcil" in node.name for node in etl.nodes)


def test_rows_in_quarantine_are_told_by_metadata_check_and_command(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers from 128 on do not fit until the file is mended."""
    narrow = FILE.replace("{name: id, type: bigint,", "{name: id, type: bigint, clickhouse_type: Int8,")
    text = narrow.replace("sync: {", "sync: {on_bad_row: quarantine, ")
    result = run(text=text)
    assert result.success
    (materialization,) = result.asset_materializations_for_node("shop__orders")
    set_aside = ROWS - 127
    assert materialization.metadata["rows"].value == 127
    assert materialization.metadata["quarantined rows"].value == set_aside
    assert materialization.metadata["rows in quarantine"].value == set_aside
    (check,) = (each for each in result.get_asset_check_evaluations() if each.check_name == "quarantine")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "quarantine replay shop/orders" in str(check.description)
    assert check.metadata["failed rows"].value == set_aside
    assert main(["quarantine", "list", "--limit", "1"]) == 1
    listed = capsys.readouterr().out
    assert f"shop/orders: {set_aside:,} row(s) in quarantine (id: {set_aside:,})" in listed
    assert "outside -128 to 127" in listed
    Path(os.environ["SCHEMAS_DIR"], "postgres/shop/orders.yml").write_text(text.replace("Int8", "Int16"))
    assert main(["quarantine", "replay", "shop/orders"]) == 1
    told = capsys.readouterr()
    assert (
        "part of a key" in told.err
    )  # the sorting key cannot be widened, so only a full refresh brings them
    again = run(text=text.replace("Int8", "Int16"), full_refresh=True, allow_shrink=True)
    assert again.success
    assert main(["quarantine", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["rows"] == 0
