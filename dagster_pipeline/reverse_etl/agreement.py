"""What a file asks of its target, held against the live catalog before anything is written; every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.schema.finding import listed, suggest
from dagster_pipeline.targets.base_target import Field, Target, TargetColumn, TargetTable
from dagster_pipeline.targets.changes import RowShape
from dagster_pipeline.targets.requirements import unmet
from dagster_pipeline.type_mapper.outbound import Outgoing, outgoing
from dagster_pipeline.type_mapper.type_rule import TypeRefusedError
from dagster_pipeline.type_mapper.type_text import TypeTextError

_KEY_FAMILIES = ("integer", "decimal", "date", "moment", "text", "uuid", "address")


@dataclass(frozen=True, slots=True)
class SentColumn:
    """A column of the file as both sides have it.

    Attributes:
        place: its number; the warehouse names it `c<place>`.
        field: how the target reads and writes it.
        type: the ClickHouse type, without Nullable and LowCardinality.
        takes_null: the target's column may be NULL.
    """

    place: int
    field: Field
    type: str
    takes_null: bool


@dataclass(frozen=True, slots=True)
class Agreement:
    """A file that its target can serve.

    Attributes:
        columns: those that are written, in the file's order.
        key: the key's columns, in the key's order.
        whole_row: every column of the target that can be written, for rows that are deleted and may have to come back.
    """

    columns: tuple[SentColumn, ...]
    key: tuple[SentColumn, ...]
    whole_row: tuple[Field, ...]

    @property
    def key_fields(self) -> tuple[Field, ...]:
        """The key as the target takes it."""
        return tuple(column.field for column in self.key)

    @property
    def key_names(self) -> list[str]:
        """What the warehouse calls the key's columns in the flow's books, with their own types."""
        return [f"k{index}" for index in range(len(self.key))]

    @property
    def value_names(self) -> list[str]:
        """What it calls all columns there, as texts."""
        return [f"v{index}" for index in range(len(self.columns))]

    @property
    def shape(self) -> RowShape:
        """For whoever writes rows."""
        return RowShape(self.fields, tuple(column.place for column in self.key), self.whole_row)

    @property
    def fields(self) -> tuple[Field, ...]:
        """All columns as the target takes them."""
        return tuple(column.field for column in self.columns)


def agreement_of(flow: Flow, sink: ClickHouseSink, target: Target) -> Agreement:
    """Both sides as they are now. Raises `ConfigurationError`."""
    described = sink.rows(f"DESCRIBE TABLE ({flow.select})")
    return agree(flow, [str(row[1]) for row in described], target)


def agree(flow: Flow, types: Sequence[str], target: Target) -> Agreement:
    """What both sides can do; `types` are the ClickHouse types of the file's columns. Raises `ConfigurationError`."""
    table = target.describe()
    sent: list[SentColumn] = []
    problems = list(_of_table(flow, table))
    for place, (column, spelled) in enumerate(zip(flow.file.columns, types, strict=True)):
        found = table.column(column.name)
        if found is None:
            known = [each.name for each in table.columns]
            problems.append(
                f"{column.name}: no such column. {suggest(column.name, known, otherwise='')}".strip()
            )
            continue
        try:
            sent.append(_column(place, found, spelled, target, is_key=column.name in flow.file.key))
        except (TypeRefusedError, TypeTextError) as error:
            problems.append(f"{column.name}: {' '.join(filter(None, error.args))}")
    if problems:
        raise ConfigurationError(
            f"{flow.state_name} cannot be written to {table.name}:\n"
            + "\n".join(f"  - {each}" for each in problems),
            todo="Nothing was written.",
        )
    by_name = {column.field.name: column for column in sent}
    own = (Field(each.name, target.own(each)) for each in table.columns if not each.is_generated)
    return Agreement(tuple(sent), tuple(by_name[name] for name in flow.file.key), tuple(own))


def _column(place: int, found: TargetColumn, spelled: str, target: Target, *, is_key: bool) -> SentColumn:
    if found.is_generated:
        raise TypeRefusedError("the database computes this column itself.", todo="Remove it from columns.")
    source = outgoing(spelled)
    if is_key and source.family not in _KEY_FAMILIES:
        raise TypeRefusedError(f"{spelled} cannot be part of a key.")
    outbound = target.rule(source, found.type)
    return SentColumn(place, Field(found.name, outbound), _bare(source), found.nullable)


def _bare(source: Outgoing) -> str:
    spelled = source.spelled
    for wrapper in ("LowCardinality(", "Nullable("):
        if spelled.startswith(wrapper):
            spelled = spelled[len(wrapper) : -1]
    return spelled


def _of_table(flow: Flow, table: TargetTable) -> Iterator[str]:
    file = flow.file
    yield from unmet(table, key=file.key, written=set(flow.column_names), inserts=file.mode != "update")
    if file.mode == "mirror" and table.cascades:
        yield f"deleting its rows would change rows of {listed(table.cascades)}. Use `mode: upsert`."
