"""A column that the destination gains: rows that are there already need its values, so they are read once more.

An incremental run would bring only rows that change from now on, and every other row would keep the type's default, which
nobody wrote. So the first run after a column came, from the file or by drift, forgets the cursor and reads as a first run
does. When no loaded row holds a value in the new columns there is nothing to fetch. An append table cannot be read twice;
there the run says so.
"""

from __future__ import annotations

from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector
from dagster_pipeline.errors import RetriableError
from dagster_pipeline.schema.models import TableSchema


def loaded_rows_lack(
    gained: tuple[str, ...], schema: TableSchema, source: BaseSourceConnector, *, cursor: str | None
) -> bool:
    """Whether a row that is loaded already holds a value at the source in one of the columns gained.

    `cursor` is how far the table was loaded. A source that cannot say in time counts as one that has values.
    """
    known = {column.name: column for column in schema.columns}
    names = tuple(name for name in gained if name in known)
    if not names or cursor is None:
        return False
    if any(not known[name].nullable for name in names):
        return True
    try:
        return source.holds_values(names, Window(cursor=schema.sync.cursor, upper=cursor))
    except RetriableError:
        return True


def rereads(gained: tuple[str, ...], table: SinkTable) -> str:
    """What is said when its rows are read once more."""
    return f"{table.full_name} gained {', '.join(gained)}; its rows were read once more for their values."


def cannot_reread(gained: tuple[str, ...], table: SinkTable) -> str:
    """What is said when they cannot be."""
    return (
        f"{table.full_name} gained {', '.join(gained)}; rows loaded before have no value there until a run with "
        "full_refresh: true."
    )


def backfill_brings(gained: tuple[str, ...], table: SinkTable) -> str:
    """What is said of a table whose partitions are loaded one by one."""
    return f"{table.full_name} gained {', '.join(gained)}; other partitions have no value there until they are loaded again."
