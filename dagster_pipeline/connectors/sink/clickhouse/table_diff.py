"""What must change in a table that exists so that it is as its file wants it, or why that cannot be done. Pure.

What does not belong here: asking a server (`catalog`), and the text of a statement (`ddl`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.clickhouse.table_shape import ColumnShape, EngineShape, TableShape
from dagster_pipeline.connectors.sink.clickhouse.widening import widens

MADE_WITH_THE_TABLE = ("index_granularity", "index_granularity_bytes", "enable_mixed_granularity_parts")
"""Engine settings that ClickHouse fixes when a table is made."""


@dataclass(frozen=True, slots=True)
class AddColumn:
    """A column that the table lacks; `after` is its neighbour, empty for the first place."""

    column: ColumnShape
    after: str


@dataclass(frozen=True, slots=True)
class WidenColumn:
    """A type that becomes wider."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class CommentColumn:
    """A column's comment."""

    name: str
    comment: str


@dataclass(frozen=True, slots=True)
class CommentTable:
    """The table's comment."""

    comment: str


@dataclass(frozen=True, slots=True)
class ChangeTtl:
    """The table's TTL; empty removes it."""

    ttl: str


@dataclass(frozen=True, slots=True)
class ChangeSetting:
    """One engine setting, as ClickHouse prints its value."""

    name: str
    value: str


Change = AddColumn | WidenColumn | CommentColumn | CommentTable | ChangeTtl | ChangeSetting


@dataclass(frozen=True, slots=True)
class Refusal:
    """What no ALTER can bring about.

    Attributes:
        says: what the table is, and what the file wants.
        key: the key of the table file that wants it, below the column's entry when a column is named.
        column: the column's name; empty when it is about the table.
    """

    says: str
    key: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class TableDiff:
    """The changes, in order, and what stands in their way; with a refusal none of the changes may be made.

    Attributes:
        changes: what ALTER can do.
        migrations: what only a new table can have: engine, keys, settings that are fixed when a table is made.
        impossible: what no copy of the rows could have either: they would not fit.
    """

    changes: tuple[Change, ...]
    migrations: tuple[Refusal, ...]
    impossible: tuple[Refusal, ...]

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """All that cannot be altered."""
        return (*self.migrations, *self.impossible)

    @property
    def added_columns(self) -> tuple[str, ...]:
        """Names of the columns that the table lacks."""
        return tuple(change.column.name for change in self.changes if isinstance(change, AddColumn))

    @property
    def changes_columns(self) -> bool:
        """Rows that stand there already lack something, or cannot stay."""
        return bool(self.refusals) or any(
            isinstance(change, AddColumn | WidenColumn) for change in self.changes
        )


def compare(wanted: TableShape, existing: TableShape) -> TableDiff:
    """What is to be done with `existing`."""
    migrations = tuple(engine_differences(wanted.engine, existing.engine))
    impossible = (*_surplus_refusals(wanted, existing), *_type_refusals(wanted, existing))
    changes: tuple[Change, ...] = (
        *_setting_changes(wanted.engine, existing.engine),
        *_column_changes(wanted, existing),
        *((ChangeTtl(wanted.engine.ttl),) if wanted.engine.ttl != existing.engine.ttl else ()),
        *((CommentTable(wanted.comment),) if wanted.comment != existing.comment else ()),
    )
    return TableDiff(changes, migrations, impossible)


def engine_differences(wanted: EngineShape, existing: EngineShape) -> Iterator[Refusal]:
    """How a table differs in what is fixed when it is made, a sentence's half each."""
    if (wanted.family, wanted.arguments) != (existing.family, existing.arguments):
        says = f"its engine is {_engine_text(existing)}, the file wants {_engine_text(wanted)}"
        yield Refusal(says, "destination.engine" if wanted.family != existing.family else "sync.deletes")
    if wanted.replicated and not existing.replicated:
        yield Refusal("it is not replicated, and a cluster is named", "destination.engine")
    for what, key, is_, should_be in (
        ("ORDER BY", "destination.order_by", existing.order_by, wanted.order_by),
        ("PARTITION BY", "destination.partition_by", existing.partition_by, wanted.partition_by),
    ):
        if is_ != should_be:
            yield Refusal(f"its {what} is {is_ or 'absent'}, the file wants {should_be or 'none'}", key)
    for name in MADE_WITH_THE_TABLE:
        if name in wanted.settings and wanted.settings[name] != existing.settings.get(name):
            is_ = existing.settings.get(name, "the default")
            says = f"its setting {name} is {is_}, the file wants {wanted.settings[name]}"
            yield Refusal(says, f"destination.settings.{name}")


def _engine_text(engine: EngineShape) -> str:
    return f"{engine.family}({', '.join(engine.arguments)})"


def surplus_columns(wanted: TableShape, existing: TableShape) -> Iterator[ColumnShape]:
    """Columns that the table has and the file has not."""
    return (column for column in existing.columns if wanted.column(column.name) is None)


def is_harmless(surplus: ColumnShape) -> bool:
    """A column that nobody fills any more: ClickHouse may put NULL or a stated default there."""
    return bool(surplus.default) or "Nullable(" in surplus.type


def _surplus_refusals(wanted: TableShape, existing: TableShape) -> Iterator[Refusal]:
    for column in surplus_columns(wanted, existing):
        if not is_harmless(column):
            yield Refusal(
                f"it has a column {column.name} {column.type} that the file no longer has, "
                "and rows without it would get a made-up value",
                "columns",
                column.name,
            )


def _type_refusals(wanted: TableShape, existing: TableShape) -> Iterator[Refusal]:
    for column, old in _common(wanted, existing):
        if column.type == old.type:
            continue
        if not widens(old.type, column.type):
            says = f"column {column.name} is {old.type}, the file wants {column.type}, which cannot hold all its values"
            yield Refusal(says, "type", column.name)
        elif old.in_key:
            says = f"column {column.name} is {old.type} and part of a key, the file wants {column.type}"
            yield Refusal(says, "type", column.name)


def _setting_changes(wanted: EngineShape, existing: EngineShape) -> Iterator[Change]:
    for name, value in wanted.settings.items():
        if name not in MADE_WITH_THE_TABLE and existing.settings.get(name) != value:
            yield ChangeSetting(name, value)


def _column_changes(wanted: TableShape, existing: TableShape) -> Iterator[Change]:
    after = ""
    for column in wanted.columns:
        old = existing.column(column.name)
        if old is None:
            yield AddColumn(column, after)
        else:
            if column.type != old.type:
                yield WidenColumn(column.name, column.type)
            if column.comment != old.comment:
                yield CommentColumn(column.name, column.comment)
        after = column.name


def _common(wanted: TableShape, existing: TableShape) -> Iterator[tuple[ColumnShape, ColumnShape]]:
    for column in wanted.columns:
        old = existing.column(column.name)
        if old is not None:
            yield column, old
