"""One table's way from how it stands to how its file wants it, in steps that say what each costs. Pure.

What differs is `table_diff`'s to find; here stands what that means for the rows, and which command does it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import Ddl, quote_table
from dagster_pipeline.connectors.sink.clickhouse.table_diff import (
    Change,
    ChangeTtl,
    Refusal,
    WidenColumn,
    compare,
    surplus_columns,
)
from dagster_pipeline.connectors.sink.clickhouse.table_shape import TableShape
from dagster_pipeline.schema.models import SyncMode, TableSchema
from dagster_pipeline.schema.naming import SYSTEM_COLUMNS

_ON_CLUSTER = re.compile(r"^ON CLUSTER `(?:[^`\\]|\\.)*` ")
_ENUM = re.compile(r"(?:Nullable\()?Enum\d+\(")
MIGRATED = ("destination.engine", "destination.order_by", "destination.partition_by")
"""Keys whose change the command `migrate-table` makes, without asking the source."""
FULL_REFRESH = "run it once with the run config `full_refresh: true`"


class Cost(StrEnum):
    """What a step asks of the warehouse.

    - `INSTANT`: metadata only.
    - `REWRITE`: ClickHouse rewrites data that stands there.
    - `RELOAD`: rows are read from the source again.
    - `REFUSED`: the next run stops with this, and nothing is changed.
    """

    INSTANT = "instant"
    REWRITE = "rewrite"
    RELOAD = "reload"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens.

    Attributes:
        what: one sentence, or the statement's own text.
        statement: the DDL, empty where a load does it.
        cure: for what is refused: how it can be done.
    """

    cost: Cost
    what: str
    statement: str = ""
    cure: str = ""


def creation(table: SinkTable, ddl: Ddl) -> tuple[Step, ...]:
    """A table that does not exist."""
    return (Step(Cost.INSTANT, f"{table.full_name} is created", ddl.create_table(table)),)


def steps_between(
    wanted: TableShape, existing: TableShape, *, schema: TableSchema, table: SinkTable, ddl: Ddl
) -> tuple[Step, ...]:
    """Everything that differs; a table that every run builds anew takes all of it with its next run."""
    diff = compare(wanted, existing)
    if rebuilt_by_every_run(schema):
        says = (refusal.says for refusal in diff.refusals)
        words = [*says, *(_clause(change, table, ddl) for change in diff.changes)]
        return tuple(Step(Cost.RELOAD, f"the next run builds the table anew: {word}") for word in words)
    refused = {refusal.column for refusal in diff.refusals if refusal.column}
    changes = (
        change for change in diff.changes if not (isinstance(change, WidenColumn) and change.name in refused)
    )
    altered = (_step(change, existing, table, ddl) for change in changes)
    return (*(_refused(refusal, schema.name) for refusal in diff.refusals), *altered)


def rebuilt_by_every_run(schema: TableSchema) -> bool:
    """A full load goes into a staging table as the file wants it, which then takes the table's place."""
    return schema.sync.mode is SyncMode.FULL and schema.partitions is None


def added_columns(wanted: TableShape, existing: TableShape) -> tuple[str, ...]:
    """Columns that the table gains."""
    return compare(wanted, existing).added_columns


def gone_columns(wanted: TableShape, existing: TableShape) -> tuple[str, ...]:
    """Columns of the warehouse that no load fills any more; our own are nobody's to use."""
    return tuple(
        column.name for column in surplus_columns(wanted, existing) if column.name not in SYSTEM_COLUMNS
    )


def _refused(refusal: Refusal, table: str) -> Step:
    otherwise = "put the column back as it was" if refusal.column else "make the file say what it is"
    copied = f"`migrate-table {table}` copies the rows that are there; or " if refusal.key in MIGRATED else ""
    return Step(Cost.REFUSED, refusal.says, cure=f"To have it: {copied}{FULL_REFRESH}; or {otherwise}.")


def _step(change: Change, existing: TableShape, table: SinkTable, ddl: Ddl) -> Step:
    return Step(_cost(change, existing), _clause(change, table, ddl), ddl.alter(table, [change])[0])


def _clause(change: Change, table: SinkTable, ddl: Ddl) -> str:
    """What stands behind the table's name, on one line."""
    (statement,) = ddl.alter(table, [change])
    clause = statement.partition(f"ALTER TABLE {quote_table(table.database, table.name)} ")[2]
    return " ".join(_ON_CLUSTER.sub("", clause).split())


def _cost(change: Change, existing: TableShape) -> Cost:
    """Adding, commenting and settings touch metadata only, and so do further values of an Enum of the same width.

    Any other new type rewrites the column's files in every part, and a TTL is applied to every part when it is set, unless
    the server's `materialize_ttl_after_modify` is off
    (clickhouse.com/docs/sql-reference/statements/alter/column and .../alter/ttl).
    """
    if isinstance(change, WidenColumn):
        old = existing.column(change.name)
        return Cost.INSTANT if old and _is_same_enum(old.type, change.type) else Cost.REWRITE
    return Cost.REWRITE if isinstance(change, ChangeTtl) and change.ttl else Cost.INSTANT


def _is_same_enum(old: str, new: str) -> bool:
    before, after = _ENUM.match(old), _ENUM.match(new)
    return before is not None and after is not None and before[0] == after[0]
