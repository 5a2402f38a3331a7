"""The driver's errors as ours, by ClickHouse's numeric code. What is asked for stands in the file, so its fault is the file's.

Codes: github.com/ClickHouse/ClickHouse, `src/Common/ErrorCodes.cpp`. The server's sentence may quote rows and is not repeated.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError

_PASSING = frozenset({159, 202, 203, 209, 210, 225, 236, 241, 242, 265, 279, 394, 439, 999, 1000})
_SIGN_IN = frozenset({192, 193, 194, 516})
_RIGHTS = frozenset({164, 195, 291, 497})
_QUERY = {
    36: "an argument is wrong",  # BAD_ARGUMENTS
    46: "it names an unknown function",  # UNKNOWN_FUNCTION
    47: "it names an unknown column",  # UNKNOWN_IDENTIFIER
    60: "there is no such table",  # UNKNOWN_TABLE
    62: "it does not read as SQL",  # SYNTAX_ERROR
    81: "there is no such database",  # UNKNOWN_DATABASE
    181: "the table knows no FINAL",  # ILLEGAL_FINAL
}


@contextmanager
def reading_errors(doing: str, *, variable: str) -> Generator[None, None, None]:
    """Run the body and translate what driver, network and Arrow raise."""
    try:
        yield
    except ClickHouseError as error:
        raise _translated(error, doing, variable) from None
    except (HTTPError, OSError) as error:
        raise RetriableError(f"{doing}: the connection failed ({type(error).__name__}).") from None
    except pa.ArrowInvalid:
        raise RetriableError(
            f"{doing}: the answer broke off.",
            todo="Look into system.query_log of that server; the next run asks again.",
        ) from None


def _translated(error: ClickHouseError, doing: str, variable: str) -> PipelineError:
    code = int(getattr(error, "code", 0) or 0)
    label = f"ClickHouse {code}" if code else type(error).__name__
    if code in _SIGN_IN:
        return ConfigurationError(
            f"{doing}: it does not let us in ({label}).", todo=f"Check user and password in {variable}."
        )
    if code in _RIGHTS:
        return ConfigurationError(
            f"{doing}: a right is missing ({label}).", todo="Grant SELECT on what is read."
        )
    if code in _QUERY:
        return ConfigurationError(
            f"{doing}: {_QUERY[code]} ({label}).", todo="Correct source in the YAML file."
        )
    if code in _PASSING or not code:
        return RetriableError(f"{doing} failed ({label}).", code=str(code or ""))
    return FatalError(f"{doing} failed ({label}).", todo="Run the query by hand to see why.", code=str(code))
