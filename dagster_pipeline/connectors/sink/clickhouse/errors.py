"""ClickHouse's numeric error codes as errors of ours. The driver's errors end here.

A message of ours holds the code, its name, and where values were being parsed the column and the row. Of ClickHouse's
own text it holds one sentence: without its quoted parts where they may be values, and none of it where it quotes rows.
Codes: github.com/ClickHouse/ClickHouse, `src/Common/ErrorCodes.cpp`.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from enum import Enum, auto

from clickhouse_connect.driver.exceptions import Error as DriverError

from dagster_pipeline.errors import (
    ConfigurationError,
    DataQualityError,
    FatalError,
    PipelineError,
    RetriableError,
)

RETRIABLE = {
    95: "the connection broke",  # CANNOT_READ_FROM_SOCKET
    159: "it took too long",  # TIMEOUT_EXCEEDED
    198: "a host name did not resolve",  # DNS_ERROR
    202: "too many queries run at once",  # TOO_MANY_SIMULTANEOUS_QUERIES
    203: "no connection was free",  # NO_FREE_CONNECTION
    209: "a socket timed out",  # SOCKET_TIMEOUT
    210: "the network failed",  # NETWORK_ERROR
    218: "the table is being dropped",  # TABLE_IS_DROPPED
    225: "there is no Keeper",  # NO_ZOOKEEPER
    236: "it was aborted",  # ABORTED
    241: "memory ran out",  # MEMORY_LIMIT_EXCEEDED
    242: "the table is read-only just now",  # TABLE_IS_READ_ONLY
    252: "the table has too many parts, merges must catch up first",  # TOO_MANY_PARTS
    265: "no replica is available",  # NO_AVAILABLE_REPLICA
    279: "no replica answered",  # ALL_CONNECTION_TRIES_FAILED
    285: "too few replicas are alive",  # TOO_FEW_LIVE_REPLICAS
    286: "a previous write has no quorum yet",  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    319: "nobody knows whether the insert arrived",  # UNKNOWN_STATUS_OF_INSERT
    341: "another change of the table is unfinished",  # UNFINISHED
    373: "the session is in use",  # SESSION_IS_LOCKED
    394: "the query was killed",  # QUERY_WAS_CANCELLED
    439: "no thread could be started",  # CANNOT_SCHEDULE_TASK
    473: "the table is locked",  # DEADLOCK_AVOIDED
    517: "another change of the table runs",  # CANNOT_ASSIGN_ALTER
    692: "too many mutations wait",  # TOO_MANY_MUTATIONS
    733: "the table is being restarted",  # TABLE_IS_BEING_RESTARTED
    735: "the query was cancelled",  # QUERY_WAS_CANCELLED_BY_CLIENT
    999: "Keeper failed",  # KEEPER_EXCEPTION
    1000: "the network failed",  # POCO_EXCEPTION
}

_SIGN_IN = "Check user and password in {variable}."
_GRANT = "Grant the warehouse's user what it lacks."
CONFIGURATION = {
    60: "Create the table, or let a run create it.",  # UNKNOWN_TABLE
    81: "Create the database.",  # UNKNOWN_DATABASE
    115: "Correct the name of the setting.",  # UNKNOWN_SETTING
    164: _GRANT,  # READONLY
    192: _SIGN_IN,  # UNKNOWN_USER
    193: _SIGN_IN,  # WRONG_PASSWORD
    194: _SIGN_IN,  # REQUIRED_PASSWORD
    195: "Allow this machine's address for the warehouse's user.",  # IP_ADDRESS_NOT_ALLOWED
    201: "Raise the quota of the warehouse's user.",  # QUOTA_EXCEEDED
    291: _GRANT,  # DATABASE_ACCESS_DENIED
    452: "Relax the constraint on the setting for the warehouse's user.",  # SETTING_CONSTRAINT_VIOLATION
    472: "This setting is fixed when a table is made: it needs a migration.",  # READONLY_SETTING
    497: _GRANT,  # ACCESS_DENIED
    511: "Create the role, or take it from the user.",  # UNKNOWN_ROLE
    516: _SIGN_IN,  # AUTHENTICATION_FAILED
    524: "This column cannot be altered: it needs a migration.",  # ALTER_OF_COLUMN_IS_FORBIDDEN
    701: "Correct the cluster's name in CLICKHOUSE_CLUSTER.",  # CLUSTER_DOESNT_EXIST
    720: "Renew the warehouse's user.",  # USER_EXPIRED
}

VALUES = {
    6: "does not parse",  # CANNOT_PARSE_TEXT
    25: "has a broken escape",  # CANNOT_PARSE_ESCAPE_SEQUENCE
    26: "does not parse",  # CANNOT_PARSE_QUOTED_STRING
    27: "does not parse",  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
    32: "ends too early",  # ATTEMPT_TO_READ_AFTER_EOF
    33: "ends too early",  # CANNOT_READ_ALL_DATA
    38: "is no date",  # CANNOT_PARSE_DATE
    41: "is no date and time",  # CANNOT_PARSE_DATETIME
    53: "has another type than the wire says",  # TYPE_MISMATCH
    69: "is out of the type's bounds",  # ARGUMENT_OUT_OF_BOUND
    70: "does not convert",  # CANNOT_CONVERT_TYPE
    72: "is no number",  # CANNOT_PARSE_NUMBER
    117: "does not parse",  # INCORRECT_DATA
    130: "is no array",  # CANNOT_READ_ARRAY_FROM_TEXT
    131: "is too long",  # TOO_LARGE_STRING_SIZE
    321: "is out of the type's range",  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    349: "is NULL, and the column is NOT NULL",  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    376: "is no UUID",  # CANNOT_PARSE_UUID
    407: "has too many digits",  # DECIMAL_OVERFLOW
    467: "is no truth value",  # CANNOT_PARSE_BOOL
    469: "breaks a constraint of the table",  # VIOLATED_CONSTRAINT
    675: "is no IPv4 address",  # CANNOT_PARSE_IPV4
    676: "is no IPv6 address",  # CANNOT_PARSE_IPV6
    691: "is not an element of the enum",  # UNKNOWN_ELEMENT_OF_ENUM
}

NOT_ENOUGH_SPACE = 243
HTTP_PASSING = (408, 425, 429, 502, 503, 504)
HTTP_DENIED = (401, 403, 407)
LONGEST_DETAIL = 300

_NULL_REFUSED = "Unexpected NULL value"
_BAD_COLUMN = re.compile(r"Column \d+,\s+name: (.*?),\s+type: ", re.DOTALL)
_CONVERTED_COLUMN = re.compile(r"while converting source column .*? to destination column (.*?): ", re.DOTALL)
_CAST_COLUMN = re.compile(r"CAST\((?:__table\d+\.)?(.*?)(?: :: \d+)?, '")
_ROW = re.compile(r"\(at row (\d+)\)")
_DISK = re.compile(r"on disk\s+[`']?([\w.-]+)|disk(?: with name)?\s+[`']([\w.-]+)")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_NAME = re.compile(r"\s*\([A-Z_]+\)\s*$")
_PREAMBLE = re.compile(r"^.*?DB::Exception: ", re.DOTALL)
_HTTP_STATUS = re.compile(r"HTTP status (\d{3})")


class Task(Enum):
    """What the warehouse was asked for: it decides whose fault an error is, and what of it may be repeated."""

    READ = auto()
    SHAPE = auto()
    WRITE = auto()


def translate(error: Exception, *, task: Task, doing: str, where: str, variable: str) -> PipelineError:
    """One of our errors for one of the driver's.

    Args:
        error: from the driver, or from the network below it.
        task: a refused shape is the file's fault; the text of a refused write may quote a row and is not repeated.
        doing: what was tried, with the object's name.
        where: the warehouse's address without its password.
        variable: the environment variable that holds the address.
    """
    code = error.code if isinstance(error, DriverError) else None
    if not code:
        return _without_code(error, doing=doing, where=where, variable=variable)
    name = getattr(error, "name", None)
    label = f"ClickHouse {code} {name}" if name else f"ClickHouse {code}"
    if task is Task.WRITE and code in VALUES:
        return _bad_value(code, str(error), doing=doing, label=label)
    if code in RETRIABLE:
        return RetriableError(f"{doing} failed: {RETRIABLE[code]} ({label}).", code=str(code))
    if code == NOT_ENOUGH_SPACE:
        return _full_disk(str(error), doing=doing, label=label)
    said = f"({label}){'' if task is Task.WRITE else _detail(str(error), unquoted=task is Task.READ)}"
    if code in CONFIGURATION:
        todo = CONFIGURATION[code].format(variable=variable or "the warehouse's URL")
        return ConfigurationError(f"{doing} at {where} was refused {said}.", todo=todo)
    return _unforeseen(code, task, f"{doing} at {where} failed {said}.")


def _unforeseen(code: int, task: Task, what: str) -> PipelineError:
    """Any other code: what a table should be stands in its file, the rest is nobody's plan."""
    if task is Task.SHAPE:
        return ConfigurationError(what, todo="Correct the table's file.")
    return FatalError(what, code=str(code))


def _full_disk(text: str, *, doing: str, label: str) -> FatalError:
    disk = _DISK.search(text)
    named = f"the disk {disk[1] or disk[2]}" if disk else "a disk"
    return FatalError(
        f"{doing} failed: {named} of the warehouse is full ({label}).",
        todo="Free space on it.",
        code=str(NOT_ENOUGH_SPACE),
    )


def _bad_value(code: int, text: str, *, doing: str, label: str) -> DataQualityError:
    before_error = text.partition("ERROR")[0]
    columns = (
        _BAD_COLUMN.findall(before_error) or _CONVERTED_COLUMN.findall(text) or _CAST_COLUMN.findall(text)
    )
    row = _ROW.search(text)
    column = f"column {columns[-1].strip('`')}" if columns else "a value"
    at = f" in row {row[1]} of the chunk" if row else ""
    wrong = VALUES[349] if _NULL_REFUSED in text else VALUES[code]
    if "has less columns than expected" in text or "has more columns than expected" in text:
        column, wrong = "a row", "has another number of columns than the wire says"
    return DataQualityError(
        f"{doing}: {column}{at} {wrong} ({label}).",
        todo="Nothing of an atomic chunk was stored. Correct the value at the source, or the type in the file.",
    )


def _detail(text: str, *, unquoted: bool) -> str:
    """The first sentence of ClickHouse's own text, after a colon."""
    sentence = _NAME.sub("", _PREAMBLE.sub("", text).partition("\n")[0])
    sentence = (_QUOTED.sub("…", sentence) if unquoted else sentence).strip().rstrip(".")
    return f": {sentence[:LONGEST_DETAIL]}" if sentence else ""


def _without_code(error: Exception, *, doing: str, where: str, variable: str) -> PipelineError:
    """No answer of ClickHouse itself: the way to it failed."""
    status = _HTTP_STATUS.search(str(error))
    if status:
        return _http_status(int(status[1]), doing=doing, where=where, variable=variable)
    causes = list(_chain(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return ConfigurationError(
            f"{doing}: the certificate of {where} is not trusted.",
            todo=f"Name its authority as ca_cert in {variable}.",
        )
    if any(isinstance(cause, OSError) for cause in causes) or type(error).__name__ == "OperationalError":
        reason = next(
            (cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), "no answer"
        )
        return RetriableError(
            f"{doing}: {where} does not answer ({reason}).",
            todo=f"Check that it runs, and its address in {variable}.",
        )
    return FatalError(f"{doing} at {where} failed{_detail(str(error), unquoted=True)}.")


def _http_status(status: int, *, doing: str, where: str, variable: str) -> PipelineError:
    if status in HTTP_PASSING:
        return RetriableError(f"{doing}: {where} answered HTTP {status}.", code=str(status))
    if status in HTTP_DENIED:
        return ConfigurationError(
            f"{doing}: {where} answered HTTP {status}.", todo=_SIGN_IN.format(variable=variable)
        )
    return FatalError(
        f"{doing}: {where} answered HTTP {status}, which is not ClickHouse's.", code=str(status)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from, urllib3's `reason` included."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None)]
