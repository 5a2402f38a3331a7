"""What a sink says of a warehouse that it cannot reach or may not use, and that it never says the password."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError
from scripts.servers.clickhouse_http import running_front
from scripts.servers.process import free_port

SECRET = "pa$$ w0rd/%"
SECRET_IN_URL = "pa%24%24%20w0rd%2F%25"


def refused(url: str) -> PipelineError:
    """The error of a first query; the secret is in no text of it, nor in anything behind it."""
    with ClickHouseSink(DatabaseUrl.parse(url, variable="CLICKHOUSE_URL", schemes=())) as sink:
        with pytest.raises(PipelineError) as raised:
            sink.rows("SELECT 1")
        assert SECRET not in repr(sink)
    error: BaseException | None = raised.value
    assert raised.value.__suppress_context__
    while error is not None:
        for hidden in (SECRET, SECRET_IN_URL, "w0rd"):
            assert hidden not in f"{error} {error!r}"
        error = error.__cause__
    return raised.value


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that says the same to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://me:{SECRET_IN_URL}@127.0.0.1:{listener.getsockname()[1]}/"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_front(tmp_path_factory.mktemp("front"), user="me", password="another") as front:
        yield front.url.rpartition(":")[2].strip("/")


@pytest.mark.parametrize("who", [f"me:{SECRET_IN_URL}@", f"stranger:{SECRET_IN_URL}@", "me@", ""])
def test_a_wrong_user_or_password_is_a_matter_of_configuration(port: str, who: str) -> None:
    error = refused(f"http://{who}127.0.0.1:{port}/")
    assert isinstance(error, ConfigurationError)
    assert "CLICKHOUSE_URL" in str(error)
    assert "516" in str(error)


def test_the_right_password_is_taken(port: str) -> None:
    url = DatabaseUrl.parse(f"http://me:another@127.0.0.1:{port}/", variable="CLICKHOUSE_URL", schemes=())
    with ClickHouseSink(url) as sink:
        assert sink.rows("SELECT {a:String}, {b:UInt8}", {"a": "it's", "b": 7}) == [("it's", 7)]


@pytest.mark.parametrize(
    "host", [f"127.0.0.1:{free_port()}", "no-such-host.invalid:8123"], ids=["nobody listens", "no such host"]
)
def test_a_server_that_does_not_answer_may_answer_later(host: str) -> None:
    error = refused(f"http://me:{SECRET_IN_URL}@{host}/")
    assert isinstance(error, RetriableError)
    assert host in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", RetriableError, "502"),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", ConfigurationError, "401"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", FatalError, "404"),
        (b"", RetriableError, "does not answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", RetriableError, "does not answer"),
        (
            b"HTTP/1.1 500 Oh\r\nX-ClickHouse-Exception-Code: 202\r\nContent-Length: 9\r\n\r\nCode: 202",
            RetriableError,
            "too many queries",
        ),
        (
            b"HTTP/1.1 200 OK\r\nX-ClickHouse-Exception-Code: 241\r\nContent-Length: 9\r\n\r\nCode: 241",
            RetriableError,
            "memory",
        ),
    ],
)
def test_what_something_else_answers_is_understood(
    answer: bytes, kind: type[PipelineError], says: str
) -> None:
    with answering(answer) as url:
        error = refused(url)
    assert isinstance(error, kind)
    assert says in str(error)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://host/?verfy=0", "verfy"),
        ("https://host/?ca_cert=/no/such/file.pem", "/no/such/file.pem"),
        ("http:///", "no host"),
    ],
)
def test_a_wrong_option_is_said_at_once(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        ClickHouseSink(DatabaseUrl.parse(url, variable="CLICKHOUSE_URL", schemes=()))


def test_an_embedded_warehouse_has_no_cluster(warehouse_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match="CLICKHOUSE_CLUSTER"):
        ClickHouseSink(DatabaseUrl.parse(f"chdb://{warehouse_dir}", variable="", schemes=()), cluster="main")
