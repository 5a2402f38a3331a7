"""What the file's rules say of a cut, against what ClickHouse does with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.schema.models import (
    ColumnSchema,
    DestinationRef,
    Partitions,
    SourceRef,
    SyncSettings,
    TableSchema,
)
from dagster_pipeline.schema.partition_cut import holds_whole_partitions, is_same_cut, reaches_the_start

KEY_OF_A_ROW = {
    "hour": "intDiv(toYYYYMMDDhhmmss(at), 10000)",
    "day": "toDate32(at)",
    "week": "toDate32(at) - toIntervalDay(toDayOfWeek(at) - 1)",
    "month": "toYear(at) * 100 + toMonth(at)",
}
EXPRESSIONS = (
    *(
        "toStartOfHour(at)",
        "toDate(at)",
        "toDate32(at)",
        "toStartOfDay(at)",
        "toYYYYMMDD(at)",
        "toMonday(at)",
    ),
    *(
        "toStartOfWeek(at)",
        "toStartOfWeek(at, 1)",
        "toYYYYMM(at)",
        "toStartOfMonth(at)",
        "toStartOfQuarter(at)",
    ),
    *("toYear(at)", "toStartOfYear(at)", "toYYYYMM(at) % 2", "id"),
)
STARTS = ("1901-01-07", "2024-01-01")


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSink]:
    url = f"chdb://{tmp_path_factory.mktemp('warehouse')}"
    with ClickHouseSink(DatabaseUrl.parse(url, variable="URL", schemes=())) as opened:
        yield opened


def table(expression: str, every: str, start: str) -> TableSchema:
    return TableSchema(
        path=Path("schemas/postgres/db/t.yml"),
        group="db",
        source=SourceRef(dialect="postgres", connection="db", database="db", table="t"),
        destination=DestinationRef(
            database="db", table="t", engine="ReplacingMergeTree", order_by=("id",), partition_by=expression
        ),
        sync=SyncSettings(),
        partitions=Partitions.model_validate({"by": "at", "every": every, "start": start}),
        columns=(
            ColumnSchema(name="id", type="bigint", primary_key=True),
            ColumnSchema(name="at", type="timestamp", immutable=True),
        ),
    )


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("every", KEY_OF_A_ROW)
def test_what_the_rules_hold_for_a_whole_partition_is_one_to_the_engine(
    every: str, start: str, sink: ClickHouseSink
) -> None:
    """Every half hour of some years from the start on, or every half day of all years until 2060."""
    step, rows = (1_800, 60_000) if every == "hour" else (43_200, 116_000 if start < "1970" else 26_000)
    for expression in EXPRESSIONS:
        schema = table(expression, every, start)
        if not (holds_whole_partitions(schema) and reaches_the_start(schema)):
            continue
        moments = (
            f"SELECT number AS id, toDateTime64('{start} 00:00:00', 6, 'UTC') + toIntervalSecond(number * {step}) AS at "
            f"FROM numbers({rows})"
        )
        pairs = f"SELECT {KEY_OF_A_ROW[every]} AS key, toString({expression}) AS cut FROM ({moments})"
        ((torn, shared),) = sink.rows(
            f"WITH found AS ({pairs}) SELECT "
            "(SELECT max(n) FROM (SELECT uniqExact(cut) AS n FROM found GROUP BY key)), "
            "(SELECT max(n) FROM (SELECT uniqExact(key) AS n FROM found GROUP BY cut))"
        )
        assert torn == 1, f"{expression} tears a partition by {every}"
        assert (shared == 1) == is_same_cut(schema), f"{expression} as a cut by {every}"


def test_the_usual_cuts_are_known() -> None:
    known = [
        ("hour", "toStartOfHour(at)"),
        ("day", "toYYYYMMDD(at)"),
        ("week", "toMonday(at)"),
        ("month", "toYYYYMM(at)"),
    ]
    assert all(is_same_cut(table(expression, every, "2024-01-01")) for every, expression in known)
    assert not holds_whole_partitions(table("toYYYYMM(at)", "week", "2024-01-01"))
    assert not reaches_the_start(table("toStartOfMonth(at)", "month", "1960-01-01"))
