"""Every error of a source ends on the right side, retriable or not. The errors are the servers' own, made for real."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from dagster_pipeline.connectors.batch import EVERYTHING
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError
from tests.contract.sources.both_sources import Server, text_of
from tests.faults.tcp_proxy import Fate, Kind, TcpProxy

PASSING_CODES = {
    "postgres": {
        "40001": "serialization failure, or a standby's recovery conflict",
        "40P01": "deadlock",
        "53100": "disk full",
        "53200": "out of memory",
        "53300": "too many connections",
        "55P03": "lock not available",
        "57014": "statement timeout, or cancelled",
        "57P01": "ended by an administrator",
        "57P03": "starting up",
        "58030": "I/O error",
        "08006": "connection failure",
    },
    "mysql": {
        "1021": "disk full",
        "1037": "out of memory",
        "1038": "out of memory to sort",
        "1041": "out of resources",
        "1114": "a temporary table is full",
        "1205": "lock wait timeout",
        "1213": "deadlock",
        "1317": "interrupted",
        "1412": "the table's definition has changed meanwhile",
        "1927": "connection was killed",
        "1969": "MariaDB's statement timeout",
        "3024": "MySQL's statement timeout",
        "4031": "MySQL ended an idle connection",
    },
}
LASTING_CODES = {
    "postgres": {"22012": FatalError, "42501": ConfigurationError, "XX000": FatalError},
    "mysql": {"1365": FatalError, "1142": ConfigurationError, "1690": FatalError},
}


def table_with(server: Server, rows: int = 1, *, width: int = 1_000) -> None:
    server.run("CREATE TABLE t (id int PRIMARY KEY, note text NOT NULL)")
    series = f"generate_series(1, {rows}) i" if server.dialect == "postgres" else f"seq_1_to_{rows}"
    number = "i" if server.dialect == "postgres" else "seq"
    server.run(f"INSERT INTO t SELECT {number}, repeat('x', {width}) FROM {series}")


def failing_function(server: Server, code: str) -> str:
    """A condition during whose evaluation the server raises this error."""
    if server.dialect == "postgres":
        server.run(
            "CREATE OR REPLACE FUNCTION fail() RETURNS boolean LANGUAGE plpgsql VOLATILE AS"
            f" $$ BEGIN RAISE EXCEPTION 'made for a test' USING ERRCODE = '{code}'; END $$"
        )
        return "fail()"
    server.run(
        "DROP FUNCTION IF EXISTS fail",
        "CREATE FUNCTION fail(n int) RETURNS int NOT DETERMINISTIC NO SQL"
        f" BEGIN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'made for a test'; RETURN 1; END",
    )
    return "fail(id) = 1"


def source_of(server: Server, **options: object) -> BaseSourceConnector:
    types = {"postgres": {"id": "integer", "note": "text"}, "mysql": {"id": "int", "note": "text"}}
    return server.source(types[server.dialect], **options)


def read_all(server: Server, source: BaseSourceConnector) -> int:
    request = ReadRequest(mappings=(text_of(server.dialect, "id"), text_of(server.dialect, "note")))
    with source.stream(request) as batches:
        return sum(batch.rows for batch in batches)


READ_ALSO = {"40P01", "53100", "42501", "XX000", "1213", "1021", "1142", "1690"}
"""Codes that are made to happen while rows are read, too: in MySQL that takes a process each time."""


def errors_of(server: Server, code: str) -> list[PipelineError]:
    """What a small question says, and for some codes the reading of rows."""
    found = []
    with source_of(server, where=failing_function(server, code)) as source:
        asked = [lambda: source.count(EVERYTHING)]
        if code in READ_ALSO:
            asked.append(lambda: read_all(server, source))
        for ask in asked:
            with pytest.raises(PipelineError) as raised:
                ask()
            found.append(raised.value)
    return found


def test_what_passes_is_worth_a_retry(server: Server) -> None:
    table_with(server)
    for code in PASSING_CODES[server.dialect]:
        for error in errors_of(server, code):
            assert isinstance(error, RetriableError), error
            assert error.code == code


def test_what_does_not_pass_is_not_tried_again(server: Server) -> None:
    table_with(server)
    for code, side in LASTING_CODES[server.dialect].items():
        for error in errors_of(server, code):
            assert isinstance(error, side), error


@contextmanager
def line_to(server: Server) -> Iterator[tuple[TcpProxy, str]]:
    """A line to the server, and the URL that leads through it."""
    parts = urlsplit(server.url)
    with TcpProxy(str(parts.hostname), int(parts.port or 0)) as line:
        address = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{line.port}")
        yield line, address.geturl()


@contextmanager
def statement_timeout(server: Server) -> Iterator[None]:
    """The server ends statements after a fifth of a second."""
    if server.dialect == "postgres":
        name = urlsplit(server.url).path.strip("/")
        server.run(f"ALTER DATABASE {name} SET statement_timeout = '200ms'")
        yield
        return
    server.run("SET GLOBAL max_statement_time = 0.2")
    try:
        yield
    finally:
        server.run("SET GLOBAL max_statement_time = 0")


def test_the_servers_statement_timeout_is_worth_a_retry(server: Server) -> None:
    table_with(server, rows=20)
    slow = "pg_sleep(0.1) IS NOT NULL" if server.dialect == "postgres" else "SLEEP(0.1) = 0"
    with (
        statement_timeout(server),
        source_of(server, where=slow) as source,
        pytest.raises(RetriableError) as raised,
    ):
        read_all(server, source)
    assert raised.value.code == ("57014" if server.dialect == "postgres" else "1969")


def test_a_session_that_an_administrator_ends_is_worth_a_retry_and_the_next_one_works(server: Server) -> None:
    table_with(server, rows=10_000, width=10_000)  # more than all buffers on the way hold
    with source_of(server) as source:
        request = ReadRequest(mappings=(text_of(server.dialect, "id"), text_of(server.dialect, "note")))
        with source.stream(request) as batches:
            next(batches)
            end_sessions(server, "SELECT")
            with pytest.raises(RetriableError):
                list(batches)
        assert read_all(server, source) == 10_000


def test_an_idle_session_that_was_ended_is_worth_a_retry_and_the_next_question_works(server: Server) -> None:
    table_with(server)
    with source_of(server) as source:
        source.describe()
        end_sessions(server, "")
        with suppress(RetriableError):  # nothing else may come
            source.count(EVERYTHING)
        assert source.count(EVERYTHING) == 1


def end_sessions(server: Server, words: str) -> None:
    """End the pipeline's sessions, those whose statement holds these words."""
    deadline = time.monotonic() + 60
    ended = 0
    while not ended:
        connection = server.connect()
        if time.monotonic() > deadline:
            with connection.cursor() as cursor:
                cursor.execute("SHOW PROCESSLIST")
                raise AssertionError(f"no session of the pipeline was found: {cursor.fetchall()}")
        with connection.cursor() as cursor:
            if server.dialect == "postgres":
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    f" WHERE application_name = 'dagster_pipeline' AND query LIKE '%{words}%'"
                )
                ended = cursor.fetchone()[0]
            else:
                command = "IN ('Query', 'Execute')" if words else "= 'Sleep'"
                cursor.execute(
                    "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()"
                    f" AND db = DATABASE() AND command {command} AND COALESCE(info, '') LIKE '%{words}%'"
                )
                for (number,) in cursor.fetchall():
                    cursor.execute(f"KILL {number}")
                    ended += 1
        connection.close()
        time.sleep(0.01)


@pytest.mark.parametrize("kind", [Kind.REFUSE, Kind.CUT, Kind.TRUNCATE, Kind.STALL])
def test_a_line_that_breaks_anywhere_is_worth_a_retry(server: Server, kind: Kind) -> None:
    """Refused, reset, ended in order and silent, from the greeting to the middle of the rows."""
    table_with(server, rows=2_000)
    with line_to(server) as (line, url), source_of(server, url=url) as source:
        source.describe()
        for after in (0,) if kind is Kind.REFUSE else (40, 5_000, 700_000):
            line.plan([Fate(kind, after_bytes=after, seconds=0.1)] * 3)
            found = 0
            with suppress(RetriableError):  # nothing else may come
                found = read_all(server, source)
            assert found == 0
            assert line.struck
        line.plan([])
        assert read_all(server, source) == 2_000


def test_a_server_that_falls_silent_is_left_when_the_run_is_ended(server: Server) -> None:
    """Nobody may have to wait for a silent server: closing the source ends the reading at once."""
    table_with(server, rows=20_000)
    with line_to(server) as (line, url):
        source = source_of(server, url=url)
        source.describe()
        line.plan([Fate(Kind.STALL, after_bytes=3_000_000, seconds=120)] * 3)
        raised: list[BaseException] = []

        def read() -> None:
            try:
                read_all(server, source)
            except PipelineError as error:
                raised.append(error)

        reading = threading.Thread(target=read)
        reading.start()
        deadline = time.monotonic() + 60
        while not line.struck:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        began = time.monotonic()
        source.close()
        reading.join(timeout=60)
        assert not reading.is_alive()
        assert time.monotonic() - began < 30
        assert isinstance(raised[0], RetriableError)
