"""Which columns a ClickHouse expression names, for `order_by` and the like: a scan for words, not a parser."""

from __future__ import annotations

import re
from collections.abc import Collection

_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'                # text
    | `(?P<backquoted>[^`]+)`
    | "(?P<quoted>[^"]+)"
    | [0-9][\w.]*                           # number
    | (?P<function>[^\W\d]\w*)\s*\(
    | (?P<word>[^\W\d]\w*)""",
    re.VERBOSE,
)
_KEYWORDS = frozenset(
    {
        *(
            "AND",
            "OR",
            "NOT",
            "IN",
            "IS",
            "NULL",
            "LIKE",
            "ILIKE",
            "BETWEEN",
            "GLOBAL",
            "DIV",
            "MOD",
            "TRUE",
            "FALSE",
        ),
        *("AS", "ASC", "DESC", "NULLS", "FIRST", "LAST", "COLLATE", "CASE", "WHEN", "THEN", "ELSE", "END"),
        *(
            "INTERVAL",
            "SECOND",
            "MINUTE",
            "HOUR",
            "DAY",
            "WEEK",
            "MONTH",
            "QUARTER",
            "YEAR",
            "DATE",
            "TIMESTAMP",
        ),
    }
)


def named_columns(expression: str, columns: Collection[str]) -> tuple[str, ...]:
    """The names that stand where a column would, in order, each once; a keyword in `columns` is a column."""
    if expression in columns:
        return (expression,)
    names: dict[str, None] = {}
    for match in _TOKEN.finditer(expression):
        quoted, word = match["backquoted"] or match["quoted"], match["word"]
        if quoted:
            names[quoted] = None
        elif word and (word in columns or word.upper() not in _KEYWORDS):
            names[word] = None
    return tuple(names)


def plain_column(expression: str, columns: Collection[str]) -> str | None:
    """The column that an expression is, when it is nothing more than that."""
    bare = expression.strip()
    for name in (expression, bare):  # a name may begin with a blank
        if name in columns:
            return name
    unquoted = bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in '`"' else ""
    return unquoted if unquoted in columns else None
