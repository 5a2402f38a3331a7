"""Reads the files about deliveries (`schemas/s3/`, `schemas/apis/`), judged by all rules, with what they share with tables.

Stands outside `schema/`, as `schema_tree` does, since a declared type means something to the type mapper only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from dagster_pipeline.errors import Problem
from dagster_pipeline.schema.api_models import ApiFile
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
from dagster_pipeline.schema.delivery_models import DeliveryFile
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.kind_files import KindFile, KindFiles, read_kind
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.naming import op_name
from dagster_pipeline.schema.rules_checks import (
    CheckedFile,
    Referable,
    judge_checks,
    judge_relationships,
    referable,
)
from dagster_pipeline.schema.rules_delivery import judge_api, judge_clickhouse, judge_delivery, judge_s3
from dagster_pipeline.schema.s3_models import S3File
from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, parse_clickhouse_type
from dagster_pipeline.type_mapper.type_text import TypeTextError

D = TypeVar("D", bound=DeliveryFile)
_TOO_WIDE = ("Int128", "Int256", "UInt128", "UInt256")


def read_s3_files(root: Path) -> KindFiles[S3File]:
    """All files below `schemas/s3/`."""
    read = read_kind(root, "s3", S3File, begin="`version: 1`, `source:`, `destination:` and `columns:`")
    return _judged(read, judge_s3)


def read_api_files(root: Path) -> KindFiles[ApiFile]:
    """All files below `schemas/apis/`."""
    read = read_kind(root, "apis", ApiFile, begin="`version: 1`, `source:`, `destination:` and `columns:`")
    return _judged(read, judge_api)


def read_clickhouse_files(root: Path) -> KindFiles[ClickHouseFile]:
    """All files below `schemas/clickhouse/`."""
    begin = "`version: 1`, `source:`, `destination:` and `columns:`"
    return _judged(read_kind(root, "clickhouse", ClickHouseFile, begin=begin), judge_clickhouse)


def clashes(files: Iterable[KindFile[Any]], tables: Iterable[TableSchema]) -> Iterator[Problem]:
    """Files whose table another file makes, or one that Dagster cannot tell from it."""
    taken = {op_name(*table.name.split("/", 1)): shown_path(table.path) for table in tables}
    for file in files:
        name = op_name(*table_of(file))
        if name in taken:
            what = f"makes {'.'.join(table_of(file))}, which {taken[name]} makes."
            clash = Finding("destination.table", what, "Give one of them another destination.")
            yield from file.problems([_named(clash)])
        taken.setdefault(name, shown_path(file.path))


def relationships(files: Iterable[KindFile[Any]], tables: Iterable[TableSchema]) -> Iterator[Problem]:
    """What is wrong with checks that name another table, which may be a table file's or another delivery's."""
    files = tuple(files)
    known = referable(tables) | {
        "/".join(table_of(file)): Referable(file.value.enabled, [each.name for each in file.value.columns])
        for file in files
    }
    for file in files:
        yield from file.problems(judge_relationships(file.value.table_checks, known))


def table_of(file: KindFile[Any]) -> tuple[str, str]:
    """Database and table of the destination."""
    destination = file.value.destination
    return destination.database, destination.table or file.name


def wrong_type(text: str) -> str:
    """What is wrong with a declared type; empty when it is right."""
    try:
        declared = parse_clickhouse_type(text)
    except TypeTextError as error:
        return str(error)
    if declared.nullable:
        return "is Nullable; write the type inside, and nullable: true."
    innermost: ClickHouseType = declared
    while innermost.element is not None:
        innermost = innermost.element
    if innermost.name in _TOO_WIDE:
        return f"is {innermost.name}, which no file format holds; write Decimal(76, 0) or String."
    if innermost is not declared and innermost.name in ("UUID", "IPv4", "IPv6"):
        return f"is an array of {innermost.name}; write Array(String)."
    return ""


def _judged(read: KindFiles[D], judge: Callable[[D], Iterator[Finding]]) -> KindFiles[D]:
    problems = list(read.problems)
    for file in read.files:
        findings = (*judge_delivery(file.value, file.name, wrong_type), *judge(file.value))
        problems += file.problems([*map(_named, findings), *judge_checks(_checked(file))])
    return KindFiles(read.files, tuple(problems))


def _checked(file: KindFile[D]) -> CheckedFile:
    columns = file.value.columns
    replaces = file.value.replaces
    return CheckedFile(
        checks=file.value.table_checks,
        columns=dict.fromkeys(column.name for column in columns),
        types={column.name: column.type for column in columns},
        times=frozenset(column.name for column in columns if column.type.startswith("Date")),
        rewritten="here, where each run writes every row" if replaces else "",
        line=file.line,
        has=file.has,
    )


def _named(finding: Finding) -> Finding:
    """The sentence, beginning with its key."""
    return replace(finding, what=f"`{finding.key}` {finding.what}")
