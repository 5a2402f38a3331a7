"""Judges a query that a file brings along, with sqlglot's reading of ClickHouse's SQL (sqlglot.com, dialect clickhouse).

It must be one SELECT that writes nothing. Its columns are compared with the file's where that is certain: when it reads
nothing but the table itself and names nothing on its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from dagster_pipeline.schema.finding import Finding, suggest

_TABLE = "__table"
"""As long as `{table}`, so that places in errors are those of the file."""
_READS = frozenset({"SELECT", "WITH", "("})
_UNDERLINE = re.compile(r"\x1b\[[0-9;]*m")
_NAMING = (exp.Subquery, exp.CTE, exp.Join, exp.Lambda, exp.Lateral, exp.Union)
_VIRTUAL = re.compile(r"_(part|partition|table|database|block|row|sample|disk|shard)\w*")


def judge_query(query: str, key: str, columns: Collection[str]) -> Iterator[Finding]:
    """What is wrong with a query; `columns` are those that the table has in the warehouse."""
    readable = query.replace("{table}", _TABLE)
    try:
        tokens = sqlglot.tokenize(readable, read="clickhouse")
        if not tokens or tokens[0].text.upper() not in _READS:
            yield _writes(key, tokens[0].text if tokens else "nothing")
            return
        if any(
            token.token_type is not TokenType.STRING and token.text.upper() == "OUTFILE" for token in tokens
        ):
            yield _writes(key, "INTO OUTFILE")
            return
        statements = [
            statement for statement in sqlglot.parse(readable, read="clickhouse") if statement is not None
        ]
    except SqlglotError as error:
        yield _unreadable(key, error)
        return
    yield from _judge(statements, key, columns)


def _judge(statements: list[exp.Expr], key: str, columns: Collection[str]) -> Iterator[Finding]:
    if len(statements) != 1:
        yield Finding(
            key, f"The query is {len(statements)} statements.", "Write one SELECT, without ';' within."
        )
        return
    (statement,) = statements
    written = next(iter(statement.find_all(exp.DML, exp.DDL, exp.Command)), None)
    if not isinstance(statement, exp.Query) or written is not None:
        yield _writes(key, type(written or statement).__name__.upper())
        return
    if statement.args.get("format"):
        yield Finding(
            key, "The query says in which FORMAT to answer.", "Remove FORMAT; the answer is read as values."
        )
    for name in _unknown(statement, columns):
        yield Finding(
            key,
            f"The query names '{name}', which is no column of this file.",
            suggest(name, columns, otherwise="Add it to columns, or correct the query."),
        )


def _unknown(statement: exp.Expr, columns: Collection[str]) -> Iterator[str]:
    """Names that stand where a column would and are none."""
    tables = [table.name for table in statement.find_all(exp.Table)]
    if tables != [_TABLE] or statement.find(*_NAMING) is not None:
        return
    aliases = {alias.alias for alias in statement.find_all(exp.Alias)}
    settings = statement.args.get("settings") or []
    seen = {column.name for setting in settings for column in setting.find_all(exp.Column)}
    for column in statement.find_all(exp.Column):
        name = column.name
        if column.table or name in seen or name in aliases or name in columns or _VIRTUAL.fullmatch(name):
            continue
        seen.add(name)
        yield name


def _writes(key: str, what: str) -> Finding:
    return Finding(
        key,
        f"The query is no SELECT but {what[:40]}; a check only reads.",
        "Write one SELECT whose first value is judged.",
    )


def _unreadable(key: str, error: SqlglotError) -> Finding:
    first = (getattr(error, "errors", None) or [{}])[0]
    what = (
        str(first.get("description") or str(error).partition("\n")[0]).partition(" for <class")[0].rstrip(".")
    )
    near = str(first.get("highlight") or "").replace(_TABLE, "{table}")
    place = f" in line {first['line']}, column {first['col']} of the query" if first.get("line") else ""
    named = f", near '{near[:40]}'" if near else ""
    return Finding(
        key,
        f"The query does not read as ClickHouse's SQL: {_UNDERLINE.sub('', what).replace(_TABLE, '{table}')}{place}{named}.",
        "Correct it.",
    )
