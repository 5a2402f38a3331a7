"""What MySQL says of rows and rights during an export, into our errors; the rest is left to the driver's translator."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

import pymysql

from dagster_pipeline.errors import ConfigurationError, DataQualityError

REFUSED_VALUES = frozenset({
    1048, 1062, 1216, 1217, 1264, 1265, 1292, 1364, 1365, 1366, 1367, 1369, 1406, 1411, 1416, 1451, 1452, 1525, 1526,
    1557, 1586, 1644, 1690, 1761, 1762, 3140, 3141, 3156, 3157, 3819, 4025, 4078, 4079,
})  # fmt: skip
"""Values out of range or of the wrong form, constraints, and what a trigger raises on purpose."""

STILL_REFERENCED = frozenset({1217, 1451, 3730})
"""A table cannot be dropped, since foreign keys refer to it."""

_TOO_LARGE = 1153
_RIGHTS = "Grant SELECT, INSERT, UPDATE, DELETE, CREATE, DROP and ALTER on {database}.* to user {user}, or on its tables."
_CONFIGURATION = {
    1044: _RIGHTS,
    1142: _RIGHTS,
    1143: _RIGHTS,
    1071: "The key is too long for an index: create the table yourself, with a shorter type.",
    1146: "The table was dropped meanwhile; run the export again.",
    1054: "Correct `columns` of the export: the table was changed meanwhile.",
    1050: "A table of that name appeared meanwhile; run the export again.",
    1170: "A key of the export is a text without a length; create the table yourself, with varchar(n).",
    1786: "The server's GTID settings forbid it; upgrade to MySQL 8.0.21 or later.",
    3750: "The server wants a primary key in each table; write key: in the export.",
}
_VALUE = re.compile(r"(value: |entry |value )'(?:.|\n)*' for ")


@contextmanager
def judging(place: str, *, user: str) -> Generator[None, None, None]:
    """Around statements that write rows. No value enters a message."""
    try:
        yield
    except pymysql.MySQLError as error:
        number = error.args[0] if error.args else 0
        words = without_value(str(error.args[1])) if len(error.args) > 1 else str(error)
        if number in REFUSED_VALUES:
            raise refusal(place, number, words) from error
        if number == _TOO_LARGE:
            raise DataQualityError(
                f"{place}: a row is larger than the server's max_allowed_packet ({number}).",
                todo="Raise max_allowed_packet, or shorten the value.",
            ) from error
        if number in _CONFIGURATION:
            todo = _CONFIGURATION[number].format(user=user, database=place.partition(".")[0])
            raise ConfigurationError(f"{place}: {words} ({number}).", todo=todo) from error
        raise


def refusal(place: str, number: int, words: str) -> DataQualityError:
    """The destination takes a value not, or only changed."""
    return DataQualityError(
        f"{place} refuses the exported rows: {words} ({number}).",
        todo="Nothing of this export is visible. Correct the rows, or widen the table.",
    )


def without_value(words: str) -> str:
    """The server's words without the value that they quote."""
    return _VALUE.sub(r"\1'...' for ", words)
