"""What of a table file and its source's catalog is not alike, and the edit of the file that settles it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from dagster_pipeline.connectors.batch import SourceColumn, SourceTable
from dagster_pipeline.contract.yaml_edit import AppendItem, Edit, RemoveItem, SetKey
from dagster_pipeline.schema.models import ColumnSchema, Mask, OnDrift, TableSchema
from dagster_pipeline.schema.naming import SYSTEM_COLUMNS
from dagster_pipeline.type_mapper.type_mapper import TypeMapper


@dataclass(frozen=True, slots=True)
class FileDifference:
    """One difference between the file and the source.

    Attributes:
        what: both sides in words, a sentence.
        key: key path in the file.
        edits: of the file, which settle it.
        todo: what to think of.
        stops_load: the next load would refuse to begin; else it follows the source.
    """

    what: str
    key: str
    edits: tuple[Edit, ...] = ()
    todo: str = ""
    stops_load: bool = False


def file_differences(
    schema: TableSchema, described: SourceTable, mapper: TypeMapper
) -> tuple[FileDifference, ...]:
    """Every difference, in the file's order; what only the source has comes last.

    A file may call a column nullable that the source does not, and may name a primary key where the source has none.
    """
    catalog = {column.name: column for column in described.columns}
    found = [
        *_of_columns(schema, described, catalog, mapper),
        *_of_key(schema, described),
        *_only_at_source(schema, described, mapper),
    ]
    if schema.sync.on_drift is not OnDrift.FAIL:
        return tuple(found)
    return tuple(replace(each, stops_load=True) for each in found)


def without_vanished(schema: TableSchema, described: SourceTable) -> TableSchema:
    """The file without columns that the source no longer has, and ready to follow it in all else."""
    names = {column.name for column in described.columns}
    kept = tuple(column for column in schema.columns if column.name in names)
    drift = OnDrift.WARN if schema.sync.on_drift is OnDrift.FAIL else schema.sync.on_drift
    sync = schema.sync.model_copy(update={"on_drift": drift})
    return schema.model_copy(update={"columns": kept, "sync": sync})


def _of_columns(
    schema: TableSchema, described: SourceTable, catalog: Mapping[str, SourceColumn], mapper: TypeMapper
) -> Iterator[FileDifference]:
    for index, column in enumerate(schema.columns):
        found, key = catalog.get(column.name), f"columns[{index}]"
        if found is None:
            yield FileDifference(
                f"{described.name} has no column '{column.name}'.",
                f"{key}.name",
                (RemoveItem("columns", index),),
                "It was dropped or renamed; its old values stay in the warehouse, where it must be Nullable.",
                stops_load=True,
            )
            continue
        if not mapper.same_type(schema.source.dialect, column.type, found.type):
            yield FileDifference(
                f"{described.name}: column '{column.name}' is {found.type}, the file says {column.type}.",
                f"{key}.type",
                (SetKey("columns", index, "type", found.type),),
                "" if column.mask else "A load reads it as the source has it.",
            )
        if found.nullable and not column.nullable and not column.primary_key:
            yield FileDifference(
                f"{described.name}: column '{column.name}' may be NULL, the file says that it may not.",
                f"{key}.name",
                (SetKey("columns", index, "nullable", value=True),),
                "" if column.mask else "A load reads it as the source has it.",
            )


def _of_key(schema: TableSchema, described: SourceTable) -> Iterator[FileDifference]:
    """The same columns; their order in the file is the sorting key's, which need not be the source's."""
    if not described.primary_key or set(described.primary_key) == set(schema.primary_key):
        return
    places = {column.name: index for index, column in enumerate(schema.columns)}
    edits = tuple(
        SetKey("columns", places[column.name], "primary_key", value=column.name in described.primary_key)
        for column in schema.columns
        if column.primary_key != (column.name in described.primary_key)
    )
    of_file = ", ".join(schema.primary_key) or "none"
    yield FileDifference(
        f"{described.name}: the primary key is ({', '.join(described.primary_key)}), the file's is ({of_file}).",
        "columns",
        edits,
        "Rows are told apart by the file's key: two that share it become one.",
    )


def _only_at_source(
    schema: TableSchema, described: SourceTable, mapper: TypeMapper
) -> Iterator[FileDifference]:
    known = {column.name for column in schema.columns}
    for column in described.columns:
        if column.name in known or column.name.lower() in SYSTEM_COLUMNS:
            continue
        as_column = ColumnSchema(name=column.name, type=column.type, nullable=column.nullable)
        problems = mapper.problems(schema.model_copy(update={"columns": (as_column,), "lines": {}}))
        item: dict[str, str | bool] = {"name": column.name, "type": column.type}
        item |= {"nullable": True} if column.nullable else {}
        item |= {"mask": str(Mask.DROP)} if problems else {}
        item |= {"description": column.comment} if column.comment else {}
        yield FileDifference(
            f"{described.name} has a column '{column.name}' ({column.type}) that the file does not name.",
            "columns",
            (AppendItem("columns", tuple(item.items())),),
            f"It cannot be copied as it is: {problems[0].what} {problems[0].todo}".strip()
            if problems
            else "",
        )
