"""Who uses a column: views of the warehouse, and YAML files of any kind below the schemas folder. Pure but for reading files.

A query is read as SQL where sqlglot can; else, and in files, a table and a column that are both named count as used: one
warning too many costs a look, one too few costs a morning.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dagster_pipeline.change_plan.catalog import View
from dagster_pipeline.schema.discovery import DIALECTS, shown_path
from dagster_pipeline.schema.document import Document
from dagster_pipeline.schema.files import read_file
from dagster_pipeline.schema.finding import child


@dataclass(frozen=True, slots=True)
class ColumnUser:
    """Someone who uses a column.

    Attributes:
        column: which.
        user: `view shop.big_orders`, or a file with its line.
    """

    column: str
    user: str


class TreeOfFiles:
    """The YAML files below the schemas folder, each read when it is first asked for and once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._documents: list[Document] | None = None

    def documents(self) -> list[Document]:
        """Every file's content; one that cannot be read is empty here, and `validate`'s to report."""
        if self._documents is None:
            paths = sorted(path for path in self._root.rglob("*.yml") if path.parts[-2] != "templates")
            self._documents = [read_file(path, shown_path(path)) for path in paths]
        return self._documents

    def naming(self, database: str, table: str, *, own: Path) -> tuple[str, ...]:
        """`path:line` where a file of another kind, or a check of another table, first names the table."""
        found = []
        for document in self.documents():
            for key, node in _places(document) if document.path != shown_path(own) else ():
                at = _first_naming(node, key, database, table)
                if at is not None:
                    found.append(f"{document.path}:{document.place(at).line}")
                    break
        return tuple(found)


def users_of(
    columns: Collection[str],
    *,
    database: str,
    table: str,
    views: Sequence[View],
    files: TreeOfFiles,
    own: Path,
) -> tuple[ColumnUser, ...]:
    """Everyone who uses one of the columns; `own` is the table's file, of which only its checks are looked at."""
    if not columns:
        return ()
    by_views = (
        ColumnUser(column, f"{_kind(view)} {view.database}.{view.name}")
        for view in views
        for column in _used_by_query(columns, view.query, database=database, table=table, near=view.database)
    )
    by_files = (
        user
        for document in files.documents()
        for user in _used_by_file(columns, document, database=database, table=table, own=shown_path(own))
    )
    return tuple(dict.fromkeys([*by_views, *by_files]))


def _kind(view: View) -> str:
    return {"Dictionary": "dictionary", "MaterializedView": "materialized view"}.get(view.engine, "view")


def _used_by_query(
    columns: Iterable[str], query: str, *, database: str, table: str, near: str
) -> Iterator[str]:
    """Columns that the query reads from the table; `near` is the database of a table that is named alone."""
    body = _select(query)
    if body is None:
        named = _names_table(query, database, table) or (
            _has_word(query, database) and _has_word(query, table)
        )
        yield from (column for column in columns if named and _has_word(query, column))
        return
    if (database, table) in [(each.db or near, each.name) for each in body.find_all(exp.Table)]:
        takes_all = body.find(exp.Star) is not None
        read = {column.name for column in body.find_all(exp.Column)}
        yield from (column for column in columns if column in read or takes_all)


def _select(query: str) -> exp.Query | None:
    """The SELECT; `None` for what sqlglot cannot read, and for a dictionary, whose source is no query."""
    if not query.lstrip("( \n").upper().startswith(("SELECT", "WITH")):
        return None
    try:
        statement = sqlglot.parse_one(query, read="clickhouse")
    except SqlglotError:
        return None
    return statement if isinstance(statement, exp.Query) else None


def _used_by_file(
    columns: Collection[str], document: Document, *, database: str, table: str, own: str
) -> Iterator[ColumnUser]:
    """Every place where a column's name stands, in a part that names the table."""
    for key, node in _places(document):
        named = own == document.path or _first_naming(node, key, database, table) is not None
        for at, text in _texts(node, key) if named else ():
            for column in columns:
                if _has_word(text, column):
                    yield ColumnUser(column, f"{document.path}:{document.place(at).line}")


def _places(document: Document) -> list[tuple[str, Any]]:
    """Parts of a file that name tables and columns together: each check of a table file, any other file as a whole."""
    if not any(part in DIALECTS for part in Path(document.path).parts):
        return [("", document.tree)]
    checks = document.tree.get("checks")
    return [(f"checks[{at}]", each) for at, each in enumerate(checks)] if isinstance(checks, list) else []


def _first_naming(node: Any, key: str, database: str, table: str) -> str | None:
    """The key path at which a node names the table."""
    at = next((at for at, text in _texts(node, key) if _names_table(text, database, table)), None)
    return key if at is None and _names_in_keys(node, database, table) else at


def _names_in_keys(node: Any, database: str, table: str) -> bool:
    """`{database: shop, table: orders}`, at any depth."""
    if isinstance(node, dict):
        values = list(node.values())
        if database in values and table in values:
            return True
        return any(_names_in_keys(value, database, table) for value in values)
    return isinstance(node, list) and any(_names_in_keys(item, database, table) for item in node)


def _texts(node: Any, key: str) -> Iterator[tuple[str, str]]:
    """Every text below a node, keys too, with its key path."""
    if isinstance(node, dict):
        for name, value in node.items():
            at = child(key, name)
            yield at, str(name)
            yield from _texts(value, at)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _texts(value, child(key, index))
    elif isinstance(node, str):
        yield key, node


def _names_table(text: str, database: str, table: str) -> bool:
    quote = '[`"]?'
    name = rf"{quote}{re.escape(database)}{quote}[./]{quote}{re.escape(table)}{quote}"
    return re.search(rf"(?<!\w){name}(?!\w)", text) is not None


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
