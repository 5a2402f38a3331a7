"""What is left of a write whose process was killed, and of one that the warehouse refused half way."""

from __future__ import annotations

import pytest

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import PipelineError
from tests.contract.sinks.conftest import OpenSink
from tests.contract.sinks.loader import ALL_ROWS, BATCHES, Loader, batches
from tests.contract.sinks.sink_tables import a_table, a_write, an_append_table


@pytest.mark.parametrize("point", ["sent 0", f"sent {BATCHES // 2}", f"sent {BATCHES - 1}", "written"])
def test_a_loader_that_is_killed_at_any_point_and_started_again_loads_each_row_once(
    sink_url: DatabaseUrl, open_sink: OpenSink, database: str, point: str
) -> None:
    table = an_append_table(database, partition_by="id % 3")
    with Loader(sink_url, database) as loader:
        loader.wait_for(point)
        loader.kill()
    sink = open_sink()
    if point in ("sent 0", f"sent {BATCHES // 2}"):
        assert sink.count_rows(table) == 0, "nothing of an atomic chunk may show before it is complete"
    for _ in range(2):
        sink.ensure_table(table)
        assert sink.write(a_write(table, atomic=True), batches()).rows == ALL_ROWS
    found = sink.rows(f"SELECT count(), uniqExact(id), min(id), max(id) FROM {database}.accounts")
    assert found == [(ALL_ROWS, ALL_ROWS, 0, ALL_ROWS - 1)]
    sink.run(f"DROP DATABASE {database}", doing="Cleaning up")


def test_a_bad_value_at_the_start_of_a_long_write_ends_it(sink: ClickHouseSink, database: str) -> None:
    table = a_table(database)
    sink.ensure_table(table)
    filler = b"1\t" + b"x" * 1_000_000 + b"\n"
    with pytest.raises(PipelineError):
        sink.write(a_write(table), [Batch(b"bad\tname\n", 1), *(Batch(filler, 1) for _ in range(100))])
    assert sink.count_rows(table) == 0


def test_a_write_into_a_table_that_is_gone_says_so(sink: ClickHouseSink, database: str) -> None:
    table = a_table(database)
    with pytest.raises(PipelineError, match=rf"{database}.accounts.*(UNKNOWN_DATABASE|UNKNOWN_TABLE)"):
        sink.write(a_write(table), batches())


def test_the_sink_works_on_after_an_error(sink: ClickHouseSink, database: str) -> None:
    table = a_table(database)
    sink.ensure_table(table)
    for _ in range(3):
        with pytest.raises(PipelineError):
            sink.write(a_write(table), [Batch(b"bad\tname\n", 1)])
        with pytest.raises(PipelineError):
            sink.rows("SELECT no_such_column")
    sink.write(a_write(table), batches())
    assert sink.count_rows(table) == ALL_ROWS
