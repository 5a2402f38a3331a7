"""Rules of files about deliveries: what their keys must say together. Pure; each gives findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from dagster_pipeline.schema.api_models import ApiFile
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
from dagster_pipeline.schema.delivery_models import DeliveryFile
from dagster_pipeline.schema.finding import Finding, suggest
from dagster_pipeline.schema.naming import SYSTEM_COLUMNS, is_key_part
from dagster_pipeline.schema.s3_models import ChangedObjects, S3File

_GROWING = ("Int", "UInt", "Date")

JudgeType = Callable[[str], str]
"""Says what is wrong with a ClickHouse type, or nothing."""


def judge_delivery(file: DeliveryFile, name: str, judge_type: JudgeType) -> Iterator[Finding]:
    """What holds for every kind."""
    table = file.destination.table or name
    for key, part in (("destination.database", file.destination.database), ("destination.table", table)):
        if not is_key_part(part):
            yield Finding(
                key,
                f"is '{part}', which Dagster does not take as a name.",
                "Use letters, digits, '_', '-' and '.'.",
            )
    yield from _judge_columns(file, judge_type)
    yield from _judge_engine(file)


def judge_s3(file: S3File) -> Iterator[Finding]:
    """What holds for objects of a bucket."""
    source = file.source
    if source.changed is ChangedObjects.LOAD and not file.collapses:
        yield Finding(
            "source.changed",
            "is load, but without a primary key the rows of a replaced object would be there twice.",
            "Write skip or fail, or mark the columns of the key with primary_key: true.",
        )
    if source.max_rejects and source.format != "csv":
        yield Finding("source.max_rejects", "only concerns csv.", "Remove it.")
    if source.read_by == "warehouse" and source.format != "parquet":
        yield Finding(
            "source.read_by",
            f"is warehouse, and {source.format} has no types that ClickHouse could hold the columns against.",
            "Let the pipeline read it, or write Parquet.",
        )
    if source.read_by == "warehouse" and any(column.arrives_as for column in file.columns):
        yield Finding(
            "source.read_by",
            "is warehouse, which finds columns by their own names only.",
            "Remove arrives_as from the columns, or let the pipeline read.",
        )


def judge_api(file: ApiFile) -> Iterator[Finding]:
    """What holds for answers of an API."""
    incremental = file.source.incremental
    if incremental is None:
        return
    if not file.collapses:
        yield Finding(
            "source.incremental",
            "needs a primary key: what was seen last is seen again, and would be there twice.",
            "Mark the columns of the key with primary_key: true.",
        )
    column = next((each for each in file.columns if each.name == incremental.column), None)
    if column is None:
        yield Finding(
            "source.incremental.column",
            f"is '{incremental.column}', which is no column of this file.",
            suggest(incremental.column, [each.name for each in file.columns], otherwise="Name a column."),
        )
    elif not column.type.startswith(_GROWING):
        yield Finding(
            "source.incremental.column",
            f"is a {column.type}.",
            "Take an integer, a date or a time that only grows.",
        )
    elif incremental.lookback is not None and not column.type.startswith("Date"):
        yield Finding("source.incremental.lookback", "only goes with dates and times.", "Remove it.")


def judge_clickhouse(file: ClickHouseFile) -> Iterator[Finding]:
    """What holds for copies from another ClickHouse."""
    source = file.source
    if (source.query is None) == (source.table is None):
        yield Finding("source", "must name either a query or a table.", "Write one of query: and table:.")


def _judge_columns(file: DeliveryFile, judge_type: JudgeType) -> Iterator[Finding]:
    counted = Counter(column.name for column in file.columns)
    for position, column in enumerate(file.columns):
        key = f"columns[{position}]"
        if counted[column.name] > 1:
            yield Finding(
                f"{key}.name", f"is '{column.name}', as another column is.", "Give each its own name."
            )
        if column.name in SYSTEM_COLUMNS:
            yield Finding(
                f"{key}.name", f"is '{column.name}', which is a column of ours.", "Choose another name."
            )
        if wrong := judge_type(column.type):
            yield Finding(f"{key}.type", wrong)
        if column.primary_key and column.nullable:
            yield Finding(f"{key}.nullable", "is true, but a key has a value in every row.", "Remove it.")


def _judge_engine(file: DeliveryFile) -> Iterator[Finding]:
    key, order_by = file.primary_key, file.destination.order_by
    if file.engine == "ReplacingMergeTree" and not key:
        yield Finding(
            "destination.engine",
            "is ReplacingMergeTree, which needs to know which rows are the same.",
            "Mark the columns of the key with primary_key: true.",
        )
    missing = [name for name in key if order_by is not None and name not in order_by]
    if file.collapses and missing:
        yield Finding(
            "destination.order_by",
            f"lacks {', '.join(missing)} of the primary key, so different rows would replace each other.",
            "Add it.",
        )
