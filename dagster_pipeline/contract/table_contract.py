"""Holds one table's file against both catalogs: each difference with its line, and the text that settles it.

The file is held against the source first. The warehouse is then held against what the next load would want, so a type that
changed at the source is one difference of the file, not a second one of the warehouse that names another type.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dagster_pipeline.connectors.batch import SourceTable
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sink.clickhouse.table_difference import TableDifference
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector
from dagster_pipeline.contract.differences import FileDifference, file_differences, without_vanished
from dagster_pipeline.contract.yaml_edit import Edit, patched
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.sync.drift import agree
from dagster_pipeline.type_mapper.type_mapper import TypeMapper


@dataclass(frozen=True, slots=True)
class ContractDifference:
    """One difference.

    Attributes:
        between: the file and which catalog.
        line: of the file, from 1.
        what, todo: sentences.
        patch: the file's unified diff that settles it; empty where none does.
        statements: the DDL that settles it; empty where none does.
        stops_load: the next load would refuse to begin.
    """

    between: Literal["source", "warehouse"]
    line: int
    what: str
    todo: str = ""
    patch: str = ""
    statements: tuple[str, ...] = ()
    stops_load: bool = False


@dataclass(frozen=True, slots=True)
class TableContract:
    """One table, looked at once.

    Attributes:
        table: `<destination database>/<table>`.
        file: the table's file.
        patch: the file's unified diff that settles every difference with the source at once.
    """

    table: str
    file: str
    differences: tuple[ContractDifference, ...]
    patch: str = ""

    @property
    def is_kept(self) -> bool:
        """All three agree."""
        return not self.differences

    @property
    def stops_load(self) -> bool:
        """The next load would refuse to begin."""
        return any(difference.stops_load for difference in self.differences)


def contract_of(schema: TableSchema, *, source: BaseSourceConnector, sink: ClickHouseSink) -> TableContract:
    """Ask both catalogs and compare; nothing is changed, and no row is read. Raises as `describe` does."""
    described, mapper = source.describe(), TypeMapper()
    of_file = file_differences(schema, described, mapper)
    file = shown_path(schema.path)
    text = _text(schema.path)
    return TableContract(
        table=schema.name,
        file=file,
        differences=(
            *(_settled(schema, each, _diff(file, text, each.edits)) for each in of_file),
            *_of_warehouse(schema, described, mapper, sink),
        ),
        patch=_diff(file, text, [edit for each in of_file for edit in each.edits]),
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig")


def _settled(schema: TableSchema, found: FileDifference, patch: str) -> ContractDifference:
    return ContractDifference(
        "source", schema.line(found.key), found.what, found.todo, patch, stops_load=found.stops_load
    )


def _of_warehouse(
    schema: TableSchema, described: SourceTable, mapper: TypeMapper, sink: ClickHouseSink
) -> Iterator[ContractDifference]:
    try:
        wanted = agree(without_vanished(schema, described), described, mapper)
    except ConfigurationError as error:  # the source's new type has no place in ClickHouse
        yield ContractDifference("warehouse", schema.line("columns"), error.what, error.todo, stops_load=True)
        return
    vanished = {column.name for column in schema.columns} - {column.name for column in described.columns}
    for found in sink.differences(sink_table(wanted.schema, wanted.mappings)):
        if found.key == "columns" and found.column in vanished and not found.stops_load:
            continue  # told as a difference with the source, and its values may stay
        yield ContractDifference(
            "warehouse",
            schema.line(_key(schema, found)),
            found.what,
            found.todo,
            statements=found.statements,
            stops_load=found.stops_load,
        )


def _key(schema: TableSchema, found: TableDifference) -> str:
    for index, column in enumerate(schema.columns):
        if found.column == column.name:
            return f"columns[{index}].{found.key}" if found.key != "columns" else f"columns[{index}]"
    return "columns" if found.column else found.key


def _diff(file: str, text: str, edits: Sequence[Edit]) -> str:
    """A unified diff that `git apply` and `patch -p1` take from the project's folder."""
    after = patched(text, edits) if edits else text
    if after is None:
        return ""
    lines = difflib.unified_diff(
        text.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{file}", f"b/{file}"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
