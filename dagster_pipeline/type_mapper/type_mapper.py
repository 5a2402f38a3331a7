"""The type mapper's front: from a table file to how each of its columns travels.

Adds to a dialect's rule what the file says of the column: nullability, mask, `clickhouse_type`, `out_of_range`. The
rules themselves stand in `mysql` and `postgres`.

`out_of_range`, for values that the stored type cannot hold:
- fail: the run stops, and says which column and how many rows; with `on_bad_row: quarantine` the row is left out.
- null: they become NULL, so a NOT NULL column that can hold such a value is Nullable in ClickHouse. Refused for a
  column of the sorting or partition key. An array has no NULL: it becomes empty.
- clamp: they become the nearest value that fits; each dialect's table says what is nearest for what has no neighbour.

Every value is parsed as Nullable, also where the file says NOT NULL: a NULL that the file does not expect then stops
the insert by name instead of arriving as 0 or ''. That needs the settings in `mapping.LOAD_SETTINGS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from dagster_pipeline.errors import ConfigurationError, Problem
from dagster_pipeline.schema.models import ColumnSchema, Dialect, Mask, OnBadRow, OutOfRange, TableSchema
from dagster_pipeline.type_mapper import mysql, postgres
from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, parse_clickhouse_type, wrapped
from dagster_pipeline.type_mapper.mapping import ColumnMapping, Guard
from dagster_pipeline.type_mapper.masks import masked
from dagster_pipeline.type_mapper.type_rule import Limit, TypeRefusedError, TypeRule
from dagster_pipeline.type_mapper.type_text import TypeTextError

_RULES: dict[Dialect, Callable[[str, ClickHouseType | None], TypeRule]] = {
    # Hundreds of files name the same few types, and loading asks for each several times.
    "mysql": lru_cache(maxsize=4096)(mysql.rule),
    "postgres": lru_cache(maxsize=4096)(postgres.rule),
}
_SAME_TYPE: dict[Dialect, Callable[[str, str], bool]] = {
    "mysql": mysql.same_type,
    "postgres": postgres.same_type,
}


class TypeMapper:
    """Judges the columns of a table file and says how each travels."""

    def map(self, table: TableSchema) -> tuple[ColumnMapping, ...]:
        """One mapping per column that travels, in the file's order; columns with `mask: drop` do not.

        Raises `ConfigurationError` that lists every problem.
        """
        problems = self.problems(table)
        if problems:
            listed = "\n".join(f"  {problem}" for problem in problems)
            raise ConfigurationError(f"{table.name}: {len(problems)} column type problem(s):\n{listed}")
        return tuple(_mapping(table, column) for column in table.columns if column.mask is not Mask.DROP)

    def problems(self, table: TableSchema) -> list[Problem]:
        """Every column that cannot be copied as the file says, in the file's order; empty when all can."""
        found: list[Problem] = []
        for index, column in enumerate(table.columns):
            if column.mask is Mask.DROP:
                continue
            try:
                _mapping(table, column)
            except TypeRefusedError as error:
                found.append(_problem(table, index, error))
        return found

    def same_type(self, dialect: Dialect, declared: str, found: str) -> bool:
        """The file's spelling and the catalog's mean one type, e.g. `int` and `int(11)`."""
        try:
            return _SAME_TYPE[dialect](declared, found)
        except (TypeRefusedError, TypeTextError):
            return declared == found


def _problem(table: TableSchema, index: int, error: TypeRefusedError) -> Problem:
    key = "clickhouse_type" if error.about_override else "type"
    name = table.columns[index].name
    return Problem(
        path=str(table.path),
        line=table.line(f"columns[{index}].{key}"),
        column=0,
        what=f"column {name}: {error.what}",
        todo=error.todo,
    )


def _mapping(table: TableSchema, column: ColumnSchema) -> ColumnMapping:
    """How one column travels. Raises `TypeRefusedError`."""
    rule = _rule(table, column)
    policy = table.sync.out_of_range
    turns_null = rule.limit is not None and policy is OutOfRange.NULL and not rule.is_array
    if turns_null and not column.nullable:
        _refuse_null_in_key(table, column, rule)
    nullable = (column.nullable or turns_null) and not rule.is_array
    return ColumnMapping(
        source_name=column.name,
        name=column.name,
        clickhouse_type=wrapped(rule.stored, nullable=nullable, low_cardinality=rule.low_cardinality),
        read=rule.read,
        wire_type=f"Nullable({rule.wire or rule.stored})",
        load=rule.load,
        guard=_guard(rule.limit, "NULL" if turns_null else ""),
        fails_out_of_range=policy is OutOfRange.FAIL,
        sets_aside=policy is OutOfRange.FAIL and table.sync.on_bad_row is OnBadRow.QUARANTINE,
        never_null=not column.nullable,
        comment=column.description,
    )


def _guard(limit: Limit | None, replacement: str) -> Guard | None:
    return (
        None
        if limit is None
        else Guard(limit.violated, replacement or limit.nearest, limit.reason, limit.span)
    )


def _rule(table: TableSchema, column: ColumnSchema) -> TypeRule:
    """The dialect's rule with mask and override applied."""
    dialect = table.source.dialect
    wanted = _wanted(column)
    try:
        rule = _RULES[dialect](column.type, wanted)
    except TypeTextError as error:
        raise TypeRefusedError(f"{column.type!r} does not read as a type: {error}") from error
    if column.mask is not None:
        return masked(rule, column.mask, dialect, key=column.mask_key or "")
    return _nullable_array(column, rule, wanted) if rule.is_array and column.nullable else rule


def _wanted(column: ColumnSchema) -> ClickHouseType | None:
    if column.clickhouse_type is None:
        return None
    try:
        wanted = parse_clickhouse_type(column.clickhouse_type)
    except TypeTextError as error:
        todo = 'Write it as ClickHouse prints it, e.g. "Decimal(20, 4)"; or remove clickhouse_type.'
        raise TypeRefusedError(str(error), todo=todo, about_override=True) from error
    if column.mask is not None and wanted.name != "String":
        raise TypeRefusedError(
            "a masked column is a String.", todo="Leave clickhouse_type away.", about_override=True
        )
    if wanted.nullable and not column.nullable:
        raise TypeRefusedError(
            f"{wanted} for a NOT NULL column.",
            todo="Add nullable: true, or drop Nullable.",
            about_override=True,
        )
    if wanted.low_cardinality and wanted.name != "String":
        raise TypeRefusedError(
            f"{wanted} saves nothing.", todo="LowCardinality is for String only.", about_override=True
        )
    return wanted


def _nullable_array(column: ColumnSchema, rule: TypeRule, wanted: ClickHouseType | None) -> TypeRule:
    """ClickHouse has no NULL array: the file must say that it is kept as text, or that NULL counts as out of range."""
    if wanted is None or rule.limit is None:
        raise TypeRefusedError(
            f"{column.type} that may be NULL: ClickHouse has no NULL array.",
            todo=f'Add clickhouse_type: String to keep NULL apart from an empty array, or "{rule.stored}" to treat a '
            "NULL as out of range (sync.out_of_range: clamp makes it an empty array).",
        )
    limit = replace(
        rule.limit,
        violated=f"{{column}} IS NULL OR {rule.limit.violated}",
        reason=f"NULL, or {rule.limit.reason}",
    )
    return replace(rule, limit=limit)


def _refuse_null_in_key(table: TableSchema, column: ColumnSchema, rule: TypeRule) -> None:
    keys = [*table.destination.order_by, table.destination.partition_by or ""]
    in_key = column.primary_key or any(re.search(rf"\b{re.escape(column.name)}\b", key) for key in keys)
    if in_key:
        reason = rule.limit.reason if rule.limit else ""
        raise TypeRefusedError(
            f"sync.out_of_range: null cannot apply to a key column, and {column.type} can hold values {reason}.",
            todo="Use fail or clamp for this table, or clickhouse_type: String for this column.",
        )
