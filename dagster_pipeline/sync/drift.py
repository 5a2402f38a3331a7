"""The file against the source's catalog: what has drifted, and which columns this run moves. Pure.

A column that the file names and the source lacks stops the run before anything is written: reading NULL in its place
would overwrite good values (the quickhouse 0.20.9 accident). A column that only the source has follows `on_drift`.
A column whose type changed is read as the catalog says, so that no value is squeezed through the old type; whether the
warehouse can follow is the sink's to judge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dagster_pipeline.connectors.batch import SourceColumn, SourceTable
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.models import ColumnSchema, OnBadRow, OnDrift, TableSchema
from dagster_pipeline.schema.naming import SYSTEM_COLUMNS
from dagster_pipeline.type_mapper.mapping import ColumnMapping, Guard
from dagster_pipeline.type_mapper.type_mapper import TypeMapper


@dataclass(frozen=True, slots=True)
class Agreement:
    """The columns that a run moves: what the file and the source's catalog agree on.

    Attributes:
        schema: the file with what `on_drift` added or changed.
        mappings: one per column that travels.
        notes: what drifted, one sentence each.
    """

    schema: TableSchema
    mappings: tuple[ColumnMapping, ...]
    notes: tuple[str, ...]


def agree(schema: TableSchema, described: SourceTable, mapper: TypeMapper) -> Agreement:
    """Hold the file against the catalog.

    Raises `ConfigurationError` when a column vanished, or when anything drifted under `on_drift: fail`.
    """
    catalog = {column.name: column for column in described.columns}
    _refuse_vanished(schema, described, catalog)
    notes: list[str] = []
    columns = [_follow(schema, column, catalog[column.name], mapper, notes) for column in schema.columns]
    known = {column.name for column in schema.columns}
    for column in described.columns:
        if column.name not in known:
            columns += _added(schema, column, mapper, notes)
    if notes and schema.sync.on_drift is OnDrift.FAIL:
        raise ConfigurationError(
            f"{described.name} has drifted from {schema.path}: {' '.join(notes)}",
            todo="Change the file to match, or set sync.on_drift to add or warn.",
        )
    effective = schema.model_copy(update={"columns": tuple(columns)})
    mappings = tuple(_null_guarded(schema, mapping, catalog) for mapping in mapper.map(effective))
    return Agreement(effective, mappings, tuple(notes))


def _null_guarded(
    schema: TableSchema, mapping: ColumnMapping, catalog: dict[str, SourceColumn]
) -> ColumnMapping:
    """A column that stays NOT NULL although the source lets it be NULL: with quarantine, such a row is set aside."""
    may_be_null = mapping.never_null and catalog[mapping.source_name].nullable
    if schema.sync.on_bad_row is not OnBadRow.QUARANTINE or not may_be_null:
        return mapping
    guard = mapping.guard or Guard("", "NULL", "")
    if mapping.guard is not None and not mapping.sets_aside:
        return mapping  # its values are replaced by policy; a NULL stops the insert by name
    violated = " OR ".join(term for term in ("{column} IS NULL", guard.violated) if term)
    reason = ", or ".join(text for text in ("NULL in a column that is NOT NULL", guard.reason) if text)
    return replace(mapping, guard=Guard(violated, guard.replacement, reason), sets_aside=True)


def _refuse_vanished(schema: TableSchema, described: SourceTable, catalog: dict[str, SourceColumn]) -> None:
    missing = [
        (index, column.name) for index, column in enumerate(schema.columns) if column.name not in catalog
    ]
    if not missing:
        return
    places = ", ".join(
        f"{name!r} ({schema.path}:{schema.line(f'columns[{index}].name')})" for index, name in missing
    )
    raise ConfigurationError(
        f"{described.name} has no column {places}.",
        todo=f"It was dropped or renamed. The source has: {', '.join(catalog)}. Change the file; nothing was written.",
    )


def _follow(
    schema: TableSchema, column: ColumnSchema, found: SourceColumn, mapper: TypeMapper, notes: list[str]
) -> ColumnSchema:
    """The column as the file says, or as the catalog says where that is another type."""
    nullable = column.nullable or (found.nullable and not column.primary_key)
    same = mapper.same_type(schema.source.dialect, column.type, found.type)
    if column.mask is not None or (same and nullable == column.nullable):
        return column
    widened = column.model_copy(update={"type": column.type if same else found.type, "nullable": nullable})
    notes.append(
        f"Column {column.name!r} is {_spelled(widened)} at the source, {_spelled(column)} in the file; "
        "it was read as the source has it."
    )
    return widened


def _added(
    schema: TableSchema, found: SourceColumn, mapper: TypeMapper, notes: list[str]
) -> list[ColumnSchema]:
    """The column that only the source has, when `on_drift: add` can take it in."""
    if found.name.lower() in SYSTEM_COLUMNS:
        notes.append(
            f"The source's column {found.name!r} was left out: every destination has one of its own."
        )
        return []
    column = ColumnSchema(
        name=found.name, type=found.type, nullable=found.nullable, description=found.comment
    )
    if schema.sync.on_drift is not OnDrift.ADD:
        notes.append(
            f"The source also has column {found.name!r} ({found.type}), which the file does not name."
        )
        return []
    problems = mapper.problems(schema.model_copy(update={"columns": (column,)}))
    if problems:
        notes.append(f"The source also has column {found.name!r}, which was left out: {problems[0].what}")
        return []
    notes.append(
        f"The source also has column {found.name!r} ({found.type}); it was added. Name it in the file."
    )
    return [column]


def _spelled(column: ColumnSchema) -> str:
    return f"{column.type}{' (nullable)' if column.nullable else ''}"
