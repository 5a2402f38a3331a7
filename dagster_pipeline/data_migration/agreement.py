"""Which columns move and how, held against both live catalogs before anything is read; every problem at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.data_migration_file import MigratedColumn, MigrationFile
from dagster_pipeline.schema.finding import listed, suggest
from dagster_pipeline.schema.models import Dialect
from dagster_pipeline.targets.base_target import Field, Target, TargetColumn, TargetTable
from dagster_pipeline.targets.changes import RowShape
from dagster_pipeline.targets.requirements import unmet
from dagster_pipeline.type_mapper import mysql, postgres
from dagster_pipeline.type_mapper.outbound import Outbound, outgoing
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError
from dagster_pipeline.type_mapper.type_text import TypeTextError


@dataclass(frozen=True, slots=True)
class Agreement:
    """How rows move.

    Attributes:
        read: the source's columns, in the order of the target's.
        read_key: the source's columns that make the key.
        shape: the target's columns.
        left_behind: columns of the source that do not move.
    """

    read: tuple[Field, ...]
    read_key: tuple[Field, ...]
    shape: RowShape
    left_behind: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The target's columns."""
        return tuple(field.name for field in self.shape.columns)


def agree(file: MigrationFile, source: Target, target: Target) -> Agreement:
    """What moves. Raises `ConfigurationError`."""
    ours, theirs = source.describe(), target.describe()
    columns = file.columns or tuple(_shared(ours, theirs))
    written = [column.name for column in columns]
    problems = list(unmet(theirs, key=file.key, written=written, inserts=True))
    pairs: list[tuple[Field, Field]] = []
    for column in columns:
        try:
            pairs.append(_pair(file.source.dialect, column, ours, theirs, source, target))
        except (TypeRefusedError, TypeTextError) as error:
            problems.append(f"{column.name}: {' '.join(filter(None, error.args))}")
    rules = file.rules
    used = {*rules.required, *(name for names in rules.duplicate for name in names), *file.key}
    used |= {rule.column for rule in rules.format} | {rule.column for rule in rules.reference}
    problems += [
        f"{name}: a rule or the key names it, and it does not move. {suggest(name, written, otherwise='')}".strip()
        for name in sorted(used - set(written))
    ]
    if problems:
        raise ConfigurationError(
            f"Rows of {ours.name} cannot be moved to {theirs.name}:\n"
            + "\n".join(f"  - {each}" for each in problems),
            todo="Nothing was written.",
        )
    places = tuple(written.index(name) for name in file.key)
    moved = {column.source or column.name for column in columns}
    return Agreement(
        read=tuple(read for read, _ in pairs),
        read_key=tuple(pairs[place][0] for place in places),
        shape=RowShape(tuple(write for _, write in pairs), places),
        left_behind=tuple(column.name for column in ours.columns if column.name not in moved),
    )


def _shared(ours: TargetTable, theirs: TargetTable) -> list[MigratedColumn]:
    writable = {column.name for column in theirs.columns if not column.is_generated}
    return [MigratedColumn(name=column.name) for column in ours.columns if column.name in writable]


def _pair(
    dialect: Dialect,
    column: MigratedColumn,
    ours: TargetTable,
    theirs: TargetTable,
    source: Target,
    target: Target,
) -> tuple[Field, Field]:
    from_ = _found(ours, column.source or column.name)
    to = _found(theirs, column.name)
    if to.is_generated:
        raise TypeRefusedError("the target computes this column itself.", todo="Remove it from columns.")
    return Field(from_.name, source.own(from_)), Field(to.name, _writing(dialect, from_, to, target))


def _found(table: TargetTable, name: str) -> TargetColumn:
    column = table.column(name)
    if column is None:
        known = [each.name for each in table.columns]
        raise TypeRefusedError(
            f"{table.name} has no column {name!r}.", todo=suggest(name, known, otherwise="")
        )
    return column


def _writing(dialect: Dialect, from_: TargetColumn, to: TargetColumn, target: Target) -> Outbound:
    """The same type takes every value; another one must hold every value that the warehouse's type for it can have."""
    if TypeMapper().same_type(dialect, from_.type, to.type):
        return target.own(to)
    rule = (mysql if dialect == "mysql" else postgres).rule(from_.type, None)
    try:
        return target.rule(outgoing(rule.stored), to.type)
    except TypeRefusedError as error:
        raise TypeRefusedError(
            f"{from_.type} does not fit into {to.type} without losing something.",
            todo=f"Widen the target's column; {listed([from_.name])} cannot move as it is.",
        ) from error


def key_texts(row: Sequence[str | None], shape: RowShape) -> tuple[str, ...]:
    """The key of a row of the target's columns, for a report."""
    return tuple(row[place] or "" for place in shape.key_places)
