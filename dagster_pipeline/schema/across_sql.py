"""Judges SQL over several tables, by sqlglot's reading of it: it only reads, and names tables and columns that there are.

Tables stand in it as `{database/table}`. A table that is written out is judged too when its database is one that files bring.
A column is judged where it is certain which tables it can be of: in a part of the query that reads nothing but known tables.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from dagster_pipeline.schema.check_sql import VIRTUAL_COLUMN, read_select
from dagster_pipeline.schema.finding import Finding, listed, suggest
from dagster_pipeline.schema.table_placeholders import PLACEHOLDER, tables_in

Tables = Mapping[str, Collection[str]]
"""Columns in the warehouse, by `<database>/<table>`."""


def judge_across(query: str, key: str, tables: Tables) -> Iterator[Finding]:
    """What is wrong with a query."""
    named = tables_in(query)
    for name in named:
        if name not in tables:
            todo = suggest(name, tables, otherwise="Write {<database>/<table>} of an enabled table file.")
            yield Finding(
                key, f"The query names the table '{name}', which no file brings into the warehouse.", todo
            )
    marks: dict[str, str] = {}
    problems, statement = read_select(PLACEHOLDER.sub(lambda match: _mark(match, marks), query))
    for what, todo in problems:
        yield Finding(key, what, todo)
    if statement is None:
        return
    yield from _written_out(statement, key, tables)
    yield from _columns(statement, key, _Known(tables, marks))


def _mark(match: re.Match[str], marks: dict[str, str]) -> str:
    """A plain name as long as the placeholder, so that places in errors are those of the file."""
    mark = re.sub(r"\W", "_", match[0], flags=re.ASCII)
    while marks.get(mark, match[1]) != match[1]:
        mark = f"_{mark}"
    marks[mark] = match[1]
    return mark


@dataclass(frozen=True, slots=True)
class _Known:
    tables: Tables
    marks: Mapping[str, str]

    def columns(self, table: exp.Table) -> Collection[str] | None:
        """The columns of a table of the query; `None` where they are not known."""
        name = self.marks.get(table.name) if not table.db else f"{table.db}/{table.name}"
        return self.tables.get(name) if name else None


def _written_out(statement: exp.Expr, key: str, tables: Tables) -> Iterator[Finding]:
    databases = {name.partition("/")[0] for name in tables}
    for table in statement.find_all(exp.Table):
        name = f"{table.db}/{table.name}"
        if table.db in databases and name not in tables and "__" not in table.name:
            todo = suggest(name, tables, otherwise="Correct it.")
            yield Finding(
                key, f"The query names the table '{table.db}.{table.name}', which no file brings there.", todo
            )


def _columns(statement: exp.Expr, key: str, known: _Known) -> Iterator[Finding]:
    try:
        scopes = traverse_scope(statement)
    except SqlglotError:  # it reads, and is too odd to be taken apart: ClickHouse will judge it
        return
    seen: set[str] = set()
    for scope in scopes:
        for name, possible in _wrong_columns(scope, known):
            if name not in seen:
                seen.add(name)
                todo = suggest(name, possible, otherwise=f"Its columns are {listed(sorted(possible))}."[:300])
                yield Finding(
                    key,
                    f"The query names '{name}', which is no column of the tables that it reads there.",
                    todo,
                )


def _wrong_columns(scope: Scope, known: _Known) -> Iterator[tuple[str, set[str]]]:
    sources = {
        alias: known.columns(source) if isinstance(source, exp.Table) else None
        for alias, source in scope.sources.items()
    }
    is_certain = bool(sources) and None not in sources.values() and not scope.is_subquery
    is_certain = is_certain and scope.expression.find(exp.Lambda) is None
    all_columns = {name for columns in sources.values() for name in columns or ()}
    own = {alias.alias for alias in scope.expression.find_all(exp.Alias)}
    for column in scope.columns:
        possible = sources.get(column.table) if column.table else (all_columns if is_certain else None)
        if possible is None or isinstance(column.this, exp.Star):
            continue
        name = column.name
        is_own = not column.table and name in own
        if name not in possible and not is_own and not VIRTUAL_COLUMN.fullmatch(name):
            yield name, set(possible)
