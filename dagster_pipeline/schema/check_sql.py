"""Judges a query that a file brings along, with sqlglot's reading of ClickHouse's SQL (sqlglot.com, dialect clickhouse).

It must be one SELECT that writes nothing. Its columns are compared with the file's where that is certain: when it reads
nothing but the table itself and names nothing on its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from dagster_pipeline.schema.finding import Finding, suggest

_TABLE = "__table"
"""As long as `{table}`, so that places in errors are those of the file."""
_READS = frozenset({"SELECT", "WITH", "("})
_UNDERLINE = re.compile(r"\x1b\[[0-9;]*m")
_NAMING = (exp.Subquery, exp.CTE, exp.Join, exp.Lambda, exp.Lateral, exp.Union)
VIRTUAL_COLUMN = re.compile(r"_(part|partition|table|database|block|row|sample|disk|shard)\w*")


def judge_query(query: str, key: str, columns: Collection[str]) -> Iterator[Finding]:
    """What is wrong with a query; `columns` are those that the table has in the warehouse."""
    read = _read(query)
    for what, todo in read.problems:
        yield Finding(key, what, todo)
    for name in read.names:
        if name not in columns and not VIRTUAL_COLUMN.fullmatch(name):
            yield Finding(
                key,
                f"The query names '{name}', which is no column of this file.",
                suggest(name, columns, otherwise="Add it to columns, or correct the query."),
            )


@dataclass(frozen=True, slots=True)
class _Query:
    """What a query says, whichever table it is for.

    Attributes:
        problems: what is wrong and what to do, for each problem.
        names: names that must be columns of the table.
    """

    problems: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def _read(query: str) -> _Query:
    """Read once what a defaults file says to many tables: reading takes a good part of a millisecond."""
    problems, statement = read_select(query.replace("{table}", _TABLE))
    if statement is None:
        return _Query(problems)
    return _Query(names=tuple(_column_names(statement)))


Problems = tuple[tuple[str, str], ...]
"""What is wrong and what to do, for each problem."""


def read_select(readable: str) -> tuple[Problems, exp.Query | None]:
    """One SELECT that writes nothing, or why it is none. `readable` is SQL without placeholders."""
    try:
        tokens = sqlglot.tokenize(readable, read="clickhouse")
        if not tokens or tokens[0].text.upper() not in _READS:
            return _writes(tokens[0].text if tokens else "nothing"), None
        if any(
            token.token_type is not TokenType.STRING and token.text.upper() == "OUTFILE" for token in tokens
        ):
            return _writes("INTO OUTFILE"), None
        statements = [each for each in sqlglot.parse(readable, read="clickhouse") if each is not None]
    except SqlglotError as error:
        return _unreadable(error), None
    return _judge(statements)


def _judge(statements: list[exp.Expr]) -> tuple[Problems, exp.Query | None]:
    if len(statements) != 1:
        problem = (f"The query is {len(statements)} statements.", "Write one SELECT, without ';' within.")
        return (problem,), None
    (statement,) = statements
    written = next(iter(statement.find_all(exp.DML, exp.DDL, exp.Command)), None)
    if not isinstance(statement, exp.Query) or written is not None:
        return _writes(type(written or statement).__name__.upper()), None
    if statement.args.get("format"):
        says = "The query says in which FORMAT to answer."
        return ((says, "Remove FORMAT; the answer is read as values."),), None
    return (), statement


def _column_names(statement: exp.Expr) -> Iterator[str]:
    """Names that stand where a column of the table would, each once; none where that is not certain."""
    tables = [table.name for table in statement.find_all(exp.Table)]
    if tables != [_TABLE] or statement.find(*_NAMING) is not None:
        return
    settings = statement.args.get("settings") or []
    seen = {alias.alias for alias in statement.find_all(exp.Alias)}
    seen |= {column.name for setting in settings for column in setting.find_all(exp.Column)}
    for column in statement.find_all(exp.Column):
        if not column.table and column.name not in seen:
            seen.add(column.name)
            yield column.name


def _writes(what: str) -> Problems:
    problem = f"The query is no SELECT but {what[:40]}; it only reads."
    return ((problem, "Write one SELECT."),)


def _unreadable(error: SqlglotError) -> Problems:
    first = (getattr(error, "errors", None) or [{}])[0]
    what = (
        str(first.get("description") or str(error).partition("\n")[0]).partition(" for <class")[0].rstrip(".")
    )
    near = str(first.get("highlight") or "").replace(_TABLE, "{table}")
    place = f" in line {first['line']}, column {first['col']} of the query" if first.get("line") else ""
    named = f", near '{near[:40]}'" if near else ""
    words = _UNDERLINE.sub("", what).replace(_TABLE, "{table}")
    return ((f"The query does not read as ClickHouse's SQL: {words}{place}{named}.", "Correct it."),)
