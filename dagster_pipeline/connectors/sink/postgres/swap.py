"""One table takes the place of another: its name, indexes and grants.

What `CREATE TABLE ... (LIKE ... )` copies is copied (postgresql.org/docs/current/sql-createtable.html), indexes are built
after the rows are there, grants are given again. A table that has more than that (`TableFacts.keeps`) keeps its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dagster_pipeline.connectors.sink.postgres import catalog
from dagster_pipeline.connectors.sink.postgres.catalog import TableFacts
from dagster_pipeline.targets.base_target import Place

LIKE = "INCLUDING ALL EXCLUDING INDEXES"


class PlaceKeptError(Exception):
    """The table was changed since the rows were staged, so that it would lose something."""


def copy_indexes(cursor: Any, oid: int, table: str, *, prefix: str, quote: Callable[[str], str]) -> None:
    """Every index of the table `oid` again, on another table of the same columns."""
    for number, index in enumerate(catalog.indexes(cursor, oid)):
        name = quote(f"{prefix}_{number}")
        if index.constraint:
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {index.constraint}")
        else:
            unique = "UNIQUE " if index.is_unique else ""
            cursor.execute(f"CREATE {unique}INDEX {name} ON {table} USING {index.tail}")


def take_place(
    cursor: Any,
    old: TableFacts | None,
    new: TableFacts,
    *,
    stage: str,
    place: Place,
    quote: Callable[[str], str],
) -> Iterator[str]:
    """The statements by which `stage` becomes the table of `place`. Raises `PlaceKeptError`; the old table is locked."""
    if old is None or old.keeps or catalog.columns(cursor, old.oid) != catalog.columns(cursor, new.oid):
        raise PlaceKeptError
    theirs, ours = catalog.indexes(cursor, old.oid), catalog.indexes(cursor, new.oid)
    if [index.shape for index in theirs] != [index.shape for index in ours]:
        raise PlaceKeptError
    given = catalog.grants(cursor, old.oid)
    schema = quote(place.schema)
    target = f"{schema}.{quote(place.table)}"
    yield f"DROP TABLE {target}"
    yield f"ALTER TABLE {stage} RENAME TO {quote(place.table)}"
    for our, their in zip(ours, theirs, strict=True):
        yield f"ALTER INDEX {schema}.{quote(our.name)} RENAME TO {quote(their.name)}"
    for privilege, role, may_pass_on in given:
        yield f"GRANT {privilege} ON {target} TO {role}{' WITH GRANT OPTION' if may_pass_on else ''}"
