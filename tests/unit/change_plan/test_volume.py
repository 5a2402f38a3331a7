"""What a load of everything is expected to move, by what the source and past loads say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dagster_pipeline.change_plan.catalog import SourceFacts
from dagster_pipeline.change_plan.report import volume_in_words
from dagster_pipeline.change_plan.volume import partition_column, volume_of
from dagster_pipeline.connectors.batch import SourceTable
from dagster_pipeline.connectors.sources.base_surveyor import Survey
from dagster_pipeline.schema.models import ColumnSchema, TableSchema
from dagster_pipeline.state.records import PastLoad
from tests.type_lab.table_file import table_of

ID = ColumnSchema(name="id", type="bigint", primary_key=True)
AT = ColumnSchema(name="at", type="datetime", immutable=True)


def schema_of(partition_by: str | None = None) -> TableSchema:
    return table_of("postgres", ID, AT, order_by=("id",), partition_by=partition_by)


def source_of(rows: int, width: int, extent: tuple[str, str] | None = None) -> SourceFacts:
    return SourceFacts(Survey(SourceTable("d.t", (), ("id",), rows, width), "", (), frozenset()), extent)


def past(table: str, rows: int, seconds: float) -> PastLoad:
    return PastLoad(table, "", "full", datetime(2026, 1, 1, tzinfo=UTC), 1, rows, rows, seconds)


@pytest.mark.parametrize(
    ("partition_by", "first", "last", "partitions"),
    [
        ("toYYYYMM(at)", "2024-01-31", "2024-02-01", 2),
        ("toYYYYMM(at)", "2024-01-31 23:00:00", "2025-01-01 00:00:00", 13),
        ("toYear(at)", "2019-06-01", "2024-06-01", 6),
        ("toDate(at)", "2024-01-01", "2024-12-31", 366),
        ("toMonday(at)", "2024-01-01", "2024-01-15", 3),
    ],
)
def test_partitions_follow_from_how_far_the_rows_reach(
    partition_by: str, first: str, last: str, partitions: int
) -> None:
    volume = volume_of(schema_of(partition_by), source_of(10, 10, (first, last)), (), None)
    assert volume.partitions == partitions


@pytest.mark.parametrize("partition_by", ["id % 8", "(toYYYYMM(at), id)", "toYYYYMM(gone)"])
def test_what_cannot_be_counted_is_unknown_and_not_guessed(partition_by: str) -> None:
    assert partition_column(schema_of(partition_by)) is None
    volume = volume_of(schema_of(partition_by), source_of(10, 10), (), None)
    assert (volume.partitions, volume.parts) == (None, None)


@pytest.mark.parametrize("odd", ["0000-00-00", "infinity", "10000-01-01"])
def test_an_end_that_is_no_day_leaves_the_partitions_unknown(odd: str) -> None:
    assert (
        volume_of(schema_of("toYear(at)"), source_of(9, 9, (odd, "2024-01-01")), (), None).partitions is None
    )


def test_duration_is_told_by_this_tables_loads_before_those_of_others() -> None:
    loads = [past("lab/t", 100_000, 10.0), past("lab/t", 100_000, 30.0), past("lab/t", 100_000, 20.0)]
    other = past("lab/other", 100_000, 1000.0)
    volume = volume_of(schema_of(), source_of(1_000_000, 100), [*loads, other], None)
    assert (volume.seconds, volume.timed_by) == (100.0, "3 past load(s) of this table")  # two streams
    volume = volume_of(schema_of(), source_of(1_000_000, 100), [other], None)
    assert (volume.seconds, volume.timed_by) == (5000.0, "1 past load(s) of other tables")


def test_a_load_of_few_rows_tells_no_rate() -> None:
    volume = volume_of(schema_of(), source_of(1_000_000, 100), [past("lab/t", 9, 5.0)], None)
    assert volume.seconds is None
    assert "duration unknown" in volume_in_words(volume)


def test_a_source_that_was_not_asked_leaves_the_rows_unknown() -> None:
    assert volume_in_words(volume_of(schema_of(), None, (), None)) == "of an unknown number of rows"


def test_wide_rows_make_more_chunks() -> None:
    assert volume_of(schema_of(), source_of(1_000_000, 100), (), None).chunks == 2
    assert volume_of(schema_of(), source_of(100_000, 10_000), (), None).chunks == 4  # 256 MiB each
