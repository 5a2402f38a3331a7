"""Which column of the destination each exported column goes into, and everything that speaks against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dagster_pipeline.connectors.sink.base_export_sink import GONE_COLUMN, Export
from dagster_pipeline.connectors.sink.column_texts import texts
from dagster_pipeline.connectors.sink.value_guards import ValueGuard, judge
from dagster_pipeline.errors import ConfigurationError, DataQualityError
from dagster_pipeline.schema.export_mode import ExportMode
from dagster_pipeline.targets.base_target import TargetTable
from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType
from dagster_pipeline.type_mapper.outbound import Outbound, Outgoing, outgoing
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError

Rule = Callable[[Outgoing, str], Outbound]
Guards = Callable[[Outgoing, str], tuple[ValueGuard, ...]]
Create = Callable[[ClickHouseType, bool], str]
"""A type for a new column; the flag says that it is one of the key."""

_NOT_GONE = Outgoing("UInt8", "integer", span=(0, 1))


@dataclass(frozen=True, slots=True)
class ExportField:
    """One column, `type` as the destination has it."""

    name: str
    type: str
    nullable: bool
    source: Outgoing
    guards: tuple[ValueGuard, ...]


def created_fields(export: Export, create: Create, guards: Guards) -> tuple[ExportField, ...]:
    """Columns of a table that does not exist yet. Raises `ConfigurationError` with every type that nothing there holds."""
    fields, problems = [], []
    for column in export.columns:
        try:
            spelled = create(column.type, column.name in export.key)
        except TypeRefusedError as error:
            problems.append(f"'{column.name}': {error.what} {error.todo}")
            continue
        source = outgoing(str(column.type))
        is_nullable = column.type.nullable and column.name not in export.key
        fields.append(ExportField(column.name, spelled, is_nullable, source, guards(source, spelled)))
    if problems:
        raise ConfigurationError(" ".join(problems))
    return tuple(fields)


def fitted_fields(export: Export, table: TargetTable, rule: Rule, guards: Guards) -> tuple[ExportField, ...]:
    """Columns of a table that exists. Raises `ConfigurationError` with everything that speaks against writing it."""
    fields: list[ExportField] = []
    problems = list(_unmet(export, table))
    for column in export.columns:
        there = table.column(column.name)
        if there is None or there.is_generated:
            problems.append(
                f"'{column.name}' is no column of it."
                if there is None
                else f"'{column.name}' is computed by the database; leave it out of `columns`."
            )
            continue
        source = outgoing(str(column.type))
        try:
            if any(decoder in rule(source, there.type).write for decoder in ("decode(", "UNHEX(")):
                problems.append(f"'{column.name}' is {there.type}, and an export carries text, not bytes.")
        except TypeRefusedError as error:
            problems.append(f"'{column.name}': {error.what} {error.todo}")
        fields.append(
            ExportField(column.name, there.type, there.nullable, source, guards(source, there.type))
        )
    if problems:
        raise ConfigurationError(f"{table.name} cannot be written: {' '.join(problems)}")
    return tuple(fields)


def _unmet(export: Export, table: TargetTable) -> Iterator[str]:
    if not table.is_transactional:
        yield "Its engine has no transactions; make it an InnoDB table."
    if export.mode is ExportMode.MERGE and frozenset(export.key) not in table.unique_keys:
        key = ", ".join(export.key)
        yield f"It has no unique index on exactly ({key}), so a row could be doubled; create one, or correct `key`."
    written = {column.name for column in export.columns}
    for column in table.columns:
        if not (column.nullable or column.has_default or column.is_generated or column.name in written):
            yield f"'{column.name}' is NOT NULL without a default and is not exported; add it to `columns`."


def batch_texts(
    batch: pa.RecordBatch, fields: Sequence[ExportField], *, table: str
) -> tuple[list[Any], list[str]]:
    """The texts of every column and their families, the mark of deletions included.

    Raises `DataQualityError` for values that the destination would change or cannot hold.
    """
    columns, families = [], []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        field = next((field for field in fields if field.name == name), None)
        if field is not None:
            judge(array, field.guards, table=table, name=name)
        families.append(field.source.family if field else _NOT_GONE.family)
        columns.append(texts(array, name=name))
    return columns, families


def staged_names(export: Export) -> tuple[str, ...]:
    """The columns of the batches, in order."""
    marks = (GONE_COLUMN,) if export.carries_deletions else ()
    return (*(column.name for column in export.columns), *marks)


def kept_place(table: str, reasons: Sequence[str]) -> str:
    """For the run's log: why the exported rows go into the table that is there."""
    return (
        f"{table} keeps its place, since {' and '.join(reasons)}: "
        "its rows are deleted and inserted in one transaction."
    )


def still_referenced(table: str) -> ConfigurationError:
    """Rows that others refer to cannot all be deleted, not even for a moment."""
    return ConfigurationError(
        f"{table} cannot be replaced: foreign keys of other tables refer to its rows.",
        todo="Write key: in the export, with a unique index on it here, so that rows are replaced one by one.",
    )


def refuse_doubled(table: str, key: Sequence[str], doubled: int) -> None:
    """Raise `DataQualityError` when keys stand in the staged rows more than once; `doubled` counts them."""
    if doubled:
        raise DataQualityError(
            f"{table}: {doubled} key(s) ({', '.join(key)}) stand in the export more than once.",
            todo="Nothing of it is visible. Correct `key`, or the rows.",
        )


def created_table(table: str, fields: Sequence[ExportField]) -> str:
    """For the run's log."""
    columns = ", ".join(f"{field.name} {field.type}" for field in fields)
    return f"{table} does not exist and will be created: {columns}."
