"""The HTTP front is good enough a ClickHouse for the client that the sink uses."""

from __future__ import annotations

import gzip
import socket
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import clickhouse_connect
import lz4.frame
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from scripts.servers.clickhouse_http import running_front


@pytest.fixture(scope="module")
def front_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_front(tmp_path_factory.mktemp("front"), user="me", password="p:w") as front:
        yield front.url


@pytest.fixture
def client(front_url: str) -> Iterator[Client]:
    with clickhouse_connect.get_client(dsn=front_url, autogenerate_session_id=False) as one:
        one.command("CREATE OR REPLACE TABLE t (a Int64, `FORMAT x` String) ENGINE = MergeTree ORDER BY a")
        yield one


def rows(client: Client) -> list[tuple[object, ...]]:
    return [tuple(row) for row in client.query("SELECT * FROM t ORDER BY a").result_rows]


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_native_inserts_arrive(front_url: str, client: Client, compress: str | bool) -> None:
    with clickhouse_connect.get_client(dsn=front_url, compress=compress) as other:
        other.insert("t", [[1, "it's"], [2, "` FORMAT TSV\n"]], column_names=["a", "FORMAT x"])
    assert rows(client) == [(1, "it's"), (2, "` FORMAT TSV\n")]


@pytest.mark.parametrize("compression", ["gzip", "lz4", "zstd", None])
def test_raw_inserts_arrive_in_any_compression(client: Client, compression: str | None) -> None:
    pack = {"gzip": gzip.compress, "lz4": lz4.frame.compress, "zstd": zstd.compress, None: bytes}[compression]
    summary = client.raw_insert(
        "t", ["a", "FORMAT x"], pack(b"1\tx\n2\ty\n"), fmt="TabSeparated", compression=compression
    )
    assert rows(client) == [(1, "x"), (2, "y")]
    assert summary.written_rows == 2


@pytest.mark.parametrize("in_the_url", [True, False])
def test_an_insert_may_select_from_its_input(client: Client, in_the_url: bool) -> None:
    statement = (
        "t SELECT a + 1, concat(`input('q')`, ' FORMAT TSV') FROM input('a Int64, `input(\\'q\\')` String')"
    )
    data = b"1\tx\n"
    if in_the_url:
        client.raw_insert(statement, None, iter([data]), fmt="TabSeparated")
    else:
        client.raw_insert("", None, iter([f"INSERT INTO {statement} FORMAT TSV\n".encode(), data]))
    assert rows(client) == [(2, "x FORMAT TSV")]


def test_parameters_settings_and_formats_are_taken(client: Client) -> None:
    assert client.query(
        "SELECT {a:String}, getSetting('max_threads')", {"a": "é' \\"}, {"max_threads": 3}
    ).result_rows == [("é' \\", 3)]
    assert client.raw_query("SELECT 1 AS a", fmt="JSONEachRow") == b'{"a":1}\n'
    assert (
        client.raw_query("SELECT {a:String}", {"a": "ü" * 100_000}, fmt="RawBLOB").decode() == "ü" * 100_000
    )
    client.database = "system"
    assert client.command("SELECT currentDatabase()") == "system"


def test_an_error_has_its_code(client: Client) -> None:
    with pytest.raises(DatabaseError) as raised:
        client.command("SELECT * FROM no_such_table")
    assert raised.value.code == 60


def test_a_wrong_password_is_516(front_url: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        clickhouse_connect.get_client(dsn=front_url, password="wrong")
    assert raised.value.code == 516


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Content-Length: 1000"])
def test_a_body_that_breaks_off_is_not_inserted(front_url: str, client: Client, framing: str) -> None:
    parts = urlsplit(front_url)
    body = b"INSERT INTO t FORMAT TSV\n1\tx\n"
    piece = b"%x\r\n%s\r\n" % (len(body), body) if "chunked" in framing else body
    head = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {b64encode(b'me:p:w').decode()}\r\n{framing}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", parts.port or 0)) as connection:
        connection.sendall(head.encode() + piece)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000) == b""
    assert rows(client) == []


def test_two_statements_run_at_once(client: Client) -> None:
    """The engine itself says that one runs, and it says so before that one has ended."""
    slow = "SELECT sleep(0.5)"
    running = f"SELECT count() FROM system.processes WHERE query = '{slow}'"
    with ThreadPoolExecutor(max_workers=1) as pool:
        for _ in range(60):  # on a busy machine the question may come too late
            sleeping, seen = pool.submit(client.command, slow), 0
            while not seen and not sleeping.done():
                seen = int(str(client.command(running)))
            sleeping.result()
            if seen:
                return
    pytest.fail("no statement was answered while another one ran")
