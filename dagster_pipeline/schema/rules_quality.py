"""Rules of a data quality file against all table files: its tables and columns are there, its SQL only reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from dagster_pipeline.schema.finding import Finding, suggest
from dagster_pipeline.schema.models import Mask, TableSchema
from dagster_pipeline.schema.naming import SYSTEM_COLUMNS, is_key_part
from dagster_pipeline.schema.quality_models import Agree, QualityFile, References, SqlAcross

QUALITY = "data_quality"
"""The kind's folder, and the first part of its assets' keys."""


def warehouse_columns(tables: Sequence[TableSchema]) -> dict[str, frozenset[str]]:
    """The columns that the enabled tables have in the warehouse, ours included, by table."""
    return {
        table.name: frozenset(column.name for column in table.columns if column.mask is not Mask.DROP)
        | frozenset(SYSTEM_COLUMNS)
        for table in tables
        if table.enabled
    }


def judge_quality(name: str, file: QualityFile, tables: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    """What is wrong with one file; `tables` has the warehouse's columns by table."""
    if not is_key_part(name):
        yield Finding(
            "",
            "The file's name cannot be an asset's: only letters, digits, '_', '-' and '.' can.",
            "Rename it.",
        )
    if f"{QUALITY}/{name}" in tables:
        yield Finding("", f"A table file brings {QUALITY}/{name} into the warehouse.", "Rename one of them.")
    counted = Counter(entry.check.name for entry in file.checks)
    for index, entry in enumerate(file.checks):
        check, key = entry.check, f"checks[{index}].{entry.key}"
        if counted[check.name] > 1:
            yield Finding(
                f"{key}.name",
                f"The name '{check.name}' is written {counted[check.name]} times.",
                "Rename it.",
            )
        yield from _of_check(check, key, tables)


def _of_check(
    check: SqlAcross | Agree | References, key: str, tables: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    # Imported here: a tenth of a second that only trees with such files pay.
    from dagster_pipeline.schema.across_sql import judge_across

    match check:
        case SqlAcross():
            yield from judge_across(check.query, f"{key}.query", tables)
        case Agree():
            for name, side in (("left", check.left), ("right", check.right)):
                place = f"{key}.{name}"
                if (missing := _unknown_table(side.table, f"{place}.table", tables)) is not None:
                    yield missing
                    continue
                table = f"{{{side.table}}}"
                yield from judge_across(f"SELECT {side.value} FROM {table}", f"{place}.value", tables)
                if side.where:
                    yield from judge_across(
                        f"SELECT 1 FROM {table} WHERE ({side.where}\n)", f"{place}.where", tables
                    )
        case References():
            for table_key, column_key in (("table", "column"), ("to", "field")):
                yield from _unknown_column(check, key, table_key, column_key, tables)


def _unknown_table(name: str, key: str, tables: Mapping[str, Collection[str]]) -> Finding | None:
    if name in tables:
        return None
    todo = suggest(name, tables, otherwise="Write <database>/<table> of an enabled table file.")
    return Finding(key, f"'{name}' is no table that a file brings into the warehouse.", todo)


def _unknown_column(
    check: References, key: str, table_key: str, column_key: str, tables: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    table, column = getattr(check, table_key), getattr(check, column_key)
    missing = _unknown_table(table, f"{key}.{table_key}", tables)
    if missing is not None:
        yield missing
    elif column not in tables[table]:
        known = f"Its columns are {', '.join(sorted(tables[table]))}."[:300]
        todo = suggest(column, tables[table], otherwise=known)
        yield Finding(f"{key}.{column_key}", f"'{column}' is no column of {table}.", todo)
