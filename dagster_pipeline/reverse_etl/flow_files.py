"""From the files of `schemas/reverse_etl/` to flows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster_pipeline.errors import Problem
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.kind_files import KindFile, read_kind
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.naming import op_name
from dagster_pipeline.schema.reverse_etl_file import BEGIN, KIND, ReverseEtlFile, judge
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.type_mapper.type_mapper import TypeMapper


@dataclass(frozen=True, slots=True)
class FlowFiles:
    """Every flow that could be understood, and every problem."""

    flows: tuple[Flow, ...]
    problems: tuple[Problem, ...]


def read_flows(root: Path, tables: Sequence[TableSchema] | None) -> FlowFiles:
    """All flows; `tables` is `None` while table files have problems of their own, which say enough."""
    found = read_kind(root, KIND, ReverseEtlFile, begin=BEGIN)
    by_name = {table.name: table for table in tables or ()}
    problems = list(found.problems)
    for file in found.files:
        findings = [
            *judge(file.value, by_name.keys()),
            *_name(file, found.files),
        ]
        if tables is None:
            findings = [each for each in findings if not each.key.startswith("source.")]
        problems.extend(file.problems(findings))
    if problems:
        return FlowFiles((), tuple(problems))
    return FlowFiles(tuple(_flow(file, by_name) for file in found.files), ())


def _name(file: KindFile[ReverseEtlFile], files: Sequence[KindFile[ReverseEtlFile]]) -> Iterator[Finding]:
    """A name becomes that of tables in the warehouse and of an asset."""
    if not file.name.replace("_", "").replace("-", "").isalnum() or not file.name.isascii():
        yield Finding(
            "", f"The name {file.name!r} is no name of an asset.", "Use letters, digits, '_' and '-'."
        )
    for other in files:
        if other.name < file.name and op_name(KIND, other.name) == op_name(KIND, file.name):
            yield Finding("", f"{other.name}.yml has the same name to Dagster.", "Rename one of them.")


def _flow(file: KindFile[ReverseEtlFile], tables: dict[str, TableSchema]) -> Flow:
    source = file.value.source
    if source.table is None:
        return Flow(file.name, file.value, table=None, sources=source.depends_on)
    schema = tables.get(source.table)
    if schema is None:
        return Flow(file.name, file.value, table=None, sources=(source.table,))
    return Flow(
        file.name,
        file.value,
        table=sink_table(schema, TypeMapper().map(schema)),
        sources=(source.table,),
    )
