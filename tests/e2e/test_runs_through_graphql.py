"""What a person does in the UI, through the GraphQL behind it: a backfill that ends, a run that is stopped in its middle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
from dagster import AssetKey, DagsterInstance

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.records import ChunkStatus
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.server import Server
from tests.e2e.stack import LOCATION, Stack, wait_for

PER_DAY, DAYS = 100, 8
BIG_ROWS, ROWS_PER_SECOND = 60_000, 3_000
"""Reading `big` takes twenty seconds, so that it is stopped in its middle."""
RUN_SECONDS = 300.0

DAYS_TABLE = """version: 1
retries: {max: 0}
partitions: {by: at, every: day, start: "2026-01-01"}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: at, type: timestamp, immutable: true}
"""
BIG_TABLE = """version: 1
retries: {max: 3, delay: 1s}
sync: {mode: full, chunk_rows: 5000}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: note, type: text}
"""
TRIGGERED_TABLE = """version: 1
retries: {max: 0}
sync: {mode: full}
trigger: {control_row: {query: SELECT id FROM control}, every: 5s}
columns:
  - {name: id, type: bigint, primary_key: true}
"""
SELECTOR = {
    "repositoryLocationName": LOCATION,
    "repositoryName": "__repository__",
    "pipelineName": "etl",
    "assetSelection": [{"path": ["shop", "big"]}],
}
BACKFILL = """
mutation Backfill($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""
BACKFILL_STATUS = """
query Status($id: String!) { partitionBackfillOrError(backfillId: $id) {
    __typename ... on PartitionBackfill { status runs { runId status } } } }
"""
LAUNCH = """
mutation Launch($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
TERMINATE = """
mutation Stop($id: String!) { terminateRun(runId: $id) {
    __typename ... on TerminateRunSuccess { run { runId } } ... on TerminateRunFailure { message } } }
"""
READING = (
    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY%' AND state = 'active' "
    "AND datname = current_database() AND pid != pg_backend_pid()"
)
RUN_STATUS = "query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


@dataclass
class House:
    """The processes, the source and the warehouse behind them."""

    stack: Stack
    source: str
    settings: Settings

    def ask_source(self, sql: str) -> Any:
        """The first value of a query at the source."""
        with psycopg2.connect(self.source) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            row = cursor.fetchone()
        connection.close()
        return row[0] if row else None

    def execute(self, sql: str) -> None:
        """Change the source."""
        with psycopg2.connect(self.source) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
        connection.close()

    def ask_warehouse(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse, once the run's process has given it back."""
        with ClickHouseSink(self.settings.clickhouse_url(), lock_wait_seconds=RUN_SECONDS) as sink:
            return sink.rows(sql)

    def launch(self) -> str:
        """Start a load of `big`; its run id."""
        params = {"selector": SELECTOR, "runConfigData": {}, "mode": "default"}
        answer = self.stack.ask(LAUNCH, params=params)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def wait_for_end(self, run_id: str) -> str:
        """The status that a run ends with."""

        def ended() -> str | None:
            status = self.stack.ask(RUN_STATUS, id=run_id)["runOrError"]["status"]
            return status if status in {"SUCCESS", "FAILURE", "CANCELED"} else None

        return wait_for(f"run {run_id} ends", ended, seconds=RUN_SECONDS, every=0.5)


@pytest.fixture(scope="module")
def house(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("graphql")
    source = postgres_server.create_database("shop")
    with psycopg2.connect(source) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE days (id bigint PRIMARY KEY, at timestamp NOT NULL)")
        cursor.execute(
            "INSERT INTO days SELECT i, timestamp '2026-01-01' + i / %s * interval '1 day' FROM generate_series(0, %s) i",
            (PER_DAY, PER_DAY * DAYS - 1),
        )
        cursor.execute("CREATE TABLE big (id bigint PRIMARY KEY, note text NOT NULL)")
        cursor.execute("INSERT INTO big SELECT i, md5(i::text) FROM generate_series(1, %s) i", (BIG_ROWS,))
        cursor.execute("CREATE TABLE control (id bigint PRIMARY KEY)")
        cursor.execute("CREATE TABLE triggered (id bigint PRIMARY KEY)")
        cursor.execute("INSERT INTO triggered SELECT generate_series(1, 10)")
    connection.close()
    folder = root / "schemas/postgres/shop"
    folder.mkdir(parents=True)
    (folder / "days.yml").write_text(DAYS_TABLE)
    (folder / "big.yml").write_text(BIG_TABLE)
    (folder / "triggered.yml").write_text(TRIGGERED_TABLE)
    separator = "&" if "?" in source else "?"
    variables = {
        "SCHEMAS_DIR": str(root / "schemas"),
        "ALERTS_FILE": str(root / "no-alerts.yml"),
        "CLICKHOUSE_URL": f"chdb://{root / 'warehouse'}",
        "POSTGRES_SHOP_URL": f"{source}{separator}max_rows_per_second={ROWS_PER_SECOND}",
        "SCHEDULES_DEFAULT_STATUS": "running",
    }
    stack = Stack(root, variables)
    settings = Settings.from_environment({**variables, "DAGSTER_HOME": str(stack.home)})
    try:
        stack.start_code_server()
        stack.start_webserver()
        stack.start_daemon()
        yield House(stack, source, settings)
    finally:
        stack.close()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_backfill_of_several_partitions_runs_to_its_end(house: House) -> None:
    chosen = ["2026-01-02", "2026-01-03", "2026-01-04", "2026-01-07"]
    params = {"assetSelection": [{"path": ["shop", "days"]}], "partitionNames": chosen}
    answer = house.stack.ask(BACKFILL, params=params)["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer

    def ended() -> dict[str, Any] | None:
        status: dict[str, Any] = house.stack.ask(BACKFILL_STATUS, id=answer["backfillId"])[
            "partitionBackfillOrError"
        ]
        return status if status["status"].startswith(("COMPLETED", "FAILED", "CANCELED")) else None

    backfill = wait_for("the backfill ends", ended, seconds=RUN_SECONDS, every=0.5)
    assert backfill["status"] == "COMPLETED_SUCCESS", house.stack.last_words()
    # A run for each range without a gap.
    assert [run["status"] for run in backfill["runs"]] == ["SUCCESS", "SUCCESS"]
    found = house.ask_warehouse(
        "SELECT toString(toDate(at)), count() FROM shop.days FINAL GROUP BY 1 ORDER BY 1"
    )
    assert found == [(day, PER_DAY) for day in chosen]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_run_that_is_stopped_in_its_middle_leaves_only_what_the_next_one_goes_on_with(house: House) -> None:
    state = StateManager(house.settings.state_url())
    stopped = house.launch()

    def loaded_in_part() -> bool:
        return any(
            chunk.status is ChunkStatus.DONE for load in state.open_loads("shop/big") for chunk in load.chunks
        )

    wait_for("a part of the load is acknowledged", loaded_in_part, seconds=RUN_SECONDS)
    answer = house.stack.ask(TERMINATE, id=stopped)["terminateRun"]
    assert answer["__typename"] == "TerminateRunSuccess", answer
    assert house.wait_for_end(stopped) == "CANCELED", house.stack.last_words()
    wait_for("nothing reads the source", lambda: house.ask_source(READING) == 0, seconds=RUN_SECONDS)
    wait_for("the lock is free", lambda: not state.locks(), seconds=RUN_SECONDS)
    (left,) = state.open_loads("shop/big")
    # What was acknowledged is kept for the next run, and a reader sees none of it.
    assert house.ask_warehouse(
        "SELECT name FROM system.tables WHERE database = 'shop' AND name LIKE 'big%'"
    ) == [(left.staging,)]
    again = house.launch()
    assert house.wait_for_end(again) == "SUCCESS", house.stack.last_words()
    assert state.open_loads("shop/big") == ()
    assert not state.locks()
    state.close()
    with DagsterInstance.from_config(str(house.stack.home)) as instance:
        (record,) = instance.fetch_materializations(AssetKey(["shop", "big"]), limit=5).records
    assert record.asset_materialization is not None
    assert record.asset_materialization.metadata["resumed"].value is True
    total = int(house.ask_source("SELECT sum(id) FROM big"))
    assert house.ask_warehouse("SELECT count(), uniqExact(id), sum(id) FROM shop.big FINAL") == [
        (BIG_ROWS, BIG_ROWS, total)
    ]
    tables = "SELECT name FROM system.tables WHERE database = 'shop' AND name LIKE 'big%'"
    assert house.ask_warehouse(tables) == [("big",)]


TRIGGERED = """
{ runsOrError(filter: {tags: [{key: "trigger", value: "shop__triggered_trigger"}]}) { ... on Runs { results {
    runId status tags { key value } } } } }
"""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_control_row_starts_one_run_whenever_the_daemon_is_killed(house: House) -> None:
    def runs() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = house.stack.ask(TRIGGERED)["runsOrError"]["results"]
        return found

    def started_for() -> list[str]:
        return [
            digest
            for run in runs()
            for tag in run["tags"]
            if tag["key"] == "trigger/started_for"
            for digest in tag["value"].split(",")
        ]

    for number in range(1, 4):
        house.execute(f"INSERT INTO control VALUES ({number})")
        # Killed as soon as the run is there: the tick may have kept its cursor, or not.
        wait_for(
            "the row has started a run",
            lambda n=number: len(started_for()) >= n,
            seconds=RUN_SECONDS,
            every=0.05,
        )
        house.stack.kill("daemon")
        house.execute(f"INSERT INTO triggered VALUES ({100 + number})")
        house.stack.start_daemon()
    house.stack.kill("daemon")
    house.execute("INSERT INTO control VALUES (4)")  # while nobody watches
    house.stack.start_daemon()
    wait_for("the last row has started a run", lambda: len(started_for()) >= 4, seconds=RUN_SECONDS)

    def settled() -> bool:
        return all(run["status"] in {"SUCCESS", "FAILURE", "CANCELED"} for run in runs())

    wait_for("the runs end", settled, seconds=RUN_SECONDS)
    assert len(set(started_for())) == len(started_for()) == 4
    assert {run["status"] for run in runs()} == {"SUCCESS"}, house.stack.last_words()
    assert house.ask_warehouse("SELECT count() FROM shop.triggered FINAL") == [(13,)]
