"""What PostgreSQL says of rows and rights during an export, into our errors; the rest is left to the driver's translator."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

import psycopg2

from dagster_pipeline.errors import ConfigurationError, DataQualityError

_COLUMN = re.compile(r"COPY .*, line \d+, column ([^:]+):")
_QUOTED = re.compile(r'"(?:.|\n)*"')
_CONFIGURATION = {
    "42501": "Grant what is missing to user {user}: CREATE on the schema; SELECT, INSERT, UPDATE and DELETE on the table.",
    "42P01": "Correct sink.schema and sink.table of the export.",
    "42P07": "A table of that name appeared meanwhile; run the export again.",
    "3F000": "Correct sink.schema of the export, or create the schema.",
    "42703": "Correct `columns` of the export: the table was changed meanwhile.",
    "42P10": "Create a unique index on exactly the key of the export.",
    "42704": "An object that the table's definition names is gone; correct the table.",
    "55000": "The key's unique index must not be deferrable.",
}


@contextmanager
def judging(place: str, *, user: str) -> Generator[None, None, None]:
    """Around statements that write rows. No value enters a message."""
    try:
        yield
    except psycopg2.Error as error:
        code = error.pgcode or ""
        if code[:2] in ("22", "23") or code == "P0001":
            raise DataQualityError(
                f"{place} refuses the exported rows: {_said(error)} ({code}).",
                todo="Nothing of this export is visible. Correct the rows, or widen the table.",
            ) from error
        if code in _CONFIGURATION:
            raise ConfigurationError(
                f"{place}: {error.diag.message_primary} ({code}).",
                todo=_CONFIGURATION[code].format(user=user),
            ) from error
        raise


def _said(error: psycopg2.Error) -> str:
    """The server's first line, without the value that it may quote, and the column."""
    said = str(error.diag.message_primary or "")
    if (error.pgcode or "").startswith("22"):
        said = _QUOTED.sub('"..."', said)
    found = _COLUMN.search(str(error.diag.context or ""))
    return f"column '{found[1]}': {said}" if found else said
