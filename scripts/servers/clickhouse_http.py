"""A small HTTP front over the embedded ClickHouse engine, for tests and benchmarks. It is not a ClickHouse server.

`python -m scripts.servers.clickhouse_http --path DIR [--port P] [--user U --password P]`

It speaks as much of ClickHouse's HTTP interface (clickhouse.com/docs/interfaces/http) as clickhouse-connect uses:
statements in the URL, the body or a form; settings and `param_*`; bodies plain or compressed, with a length or chunked;
basic authentication or `X-ClickHouse-User` and `-Key`; errors with their code; the summary of an insert. It listens on
127.0.0.1 only and answers several requests at once.

Where it differs from a server: an INSERT's data go into a file before the engine sees them, so a body that breaks off
leaves nothing behind, whereas a server keeps the blocks that it had parsed until then (one that is made to be a single
block has none). Sessions, progress headers, compressed answers and external tables are missing. The variable
TEST_CLICKHOUSE_URL points the same tests at a real server.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from urllib.request import urlopen

import chdb

from scripts.servers.clickhouse_statement import RESULT_WORDS, Insert, find_insert, first_word
from scripts.servers.http_body import Body, BrokenBodyError, form_fields
from scripts.servers.process import ServerError, free_port, guard

LONGEST_STATEMENT = 32 << 20
START_SECONDS = 180.0
WRONG_PASSWORD = 516
NOT_SETTINGS = frozenset(
    {
        *("query", "query_id", "database", "user", "password", "quota_key", "role", "default_format"),
        *("session_id", "session_timeout", "session_check", "client_protocol_version", "wait_end_of_query"),
        *("compress", "decompress", "buffer_size", "enable_http_compression"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms"),
        "cancel_http_readonly_queries_on_client_close",
    }
)
_CODE = re.compile(r"Code: (\d+)")


@dataclass(frozen=True, slots=True)
class Request:
    """One statement with what surrounds it; `data` is a file with an INSERT's rows."""

    statement: bytes
    parameters: Mapping[str, str]
    settings: Mapping[str, str]
    database: str
    query_id: str
    answer_format: str = "TabSeparated"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Engine:
    """The embedded engine over one directory. Each request gets a handle of its own, and with it its own settings."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = str(path)
        self._kept = _connect(self._path)  # the engine lives as long as one handle is open

    def execute(self, request: Request) -> Any:
        """Run one statement; raises what chDB raises."""
        handle = _connect(self._path)
        try:
            if request.database:
                handle.query("USE `" + request.database.replace("\\", "\\\\").replace("`", "\\`") + "`")
            if request.settings:
                handle.query(
                    "SET "
                    + ", ".join(f"{name} = {_literal(value)}" for name, value in request.settings.items())
                )
            return handle.query(
                request.statement.decode(), request.answer_format, params=dict(request.parameters)
            )
        finally:
            handle.close()

    def close(self) -> None:
        """End the engine."""
        self._kept.close()


def _connect(path: str) -> Any:
    return chdb.connect(path)  # type: ignore[no-untyped-call]  # chDB types its calls in part


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Front(ThreadingHTTPServer):
    """The server: one engine, one user."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int, *, path: Path, user: str, password: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.engine = Engine(path)
        self.bodies = path / "bodies"
        self.bodies.mkdir(exist_ok=True)
        self._credentials = f"{user}\0{password}".encode()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def admits(self, user: str, password: str) -> bool:
        """Whether these are the one user's."""
        return hmac.compare_digest(f"{user}\0{password}".encode(), self._credentials)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = 1 << 18
    wbufsize = 1 << 16

    def do_GET(self) -> None:
        """A ping, or a statement in the URL."""
        if urlsplit(self.path).path == "/ping":
            self._send(Answer(200, b"Ok.\n"))
        else:
            self.do_POST()

    def do_POST(self) -> None:
        """A statement, with or without data."""
        try:
            with self._received() as request:
                self._send(self._answer(request))
        except BrokenBodyError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    @contextmanager
    def _received(self) -> Iterator[Request]:
        """The request; an INSERT's rows lie in a file until it is answered."""
        options = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body = Body(self.rfile, self.headers)
        content_type = self.headers.get("Content-Type", "")
        if content_type.startswith("multipart/form-data"):
            options |= form_fields(content_type, b"".join(body))
        given = options.pop("query", "").encode()
        head, insert = _read_head(given + b"\n" if given else b"", body)
        if insert is None:
            yield self._request(head.rstrip().rstrip(b";"), options)
            return
        with tempfile.NamedTemporaryFile(dir=self.server.bodies) as data:
            data.write(head[insert.length :])
            for piece in body:
                data.write(piece)
            data.flush()
            yield self._request(insert.from_file(data.name), options)

    def _request(self, statement: bytes, options: Mapping[str, str]) -> Request:
        return Request(
            statement=statement,
            parameters={name[6:]: value for name, value in options.items() if name.startswith("param_")},
            settings={
                name: value
                for name, value in options.items()
                if name not in NOT_SETTINGS and not name.startswith("param_")
            },
            database=options.get("database", "") or self.headers.get("X-ClickHouse-Database", ""),
            query_id=options.get("query_id", "") or str(uuid.uuid4()),
            answer_format=options.get("default_format", "TabSeparated"),
        )

    def _answer(self, request: Request) -> Answer:
        if not self.server.admits(*self._credentials()):
            return _refusal(
                WRONG_PASSWORD, "Authentication failed: password is incorrect, or there is no such user.", 403
            )
        started = time.monotonic()
        try:
            result = self.server.engine.execute(request)
        except RuntimeError as error:
            code = _CODE.search(str(error))
            return _refusal(int(code[1]) if code else 1002, str(error))
        summary = {
            "read_rows": result.storage_rows_read() or result.rows_read(),
            "written_rows": result.rows_written(),
            "written_bytes": result.bytes_written(),
            "elapsed_ns": int((time.monotonic() - started) * 1e9),
        }
        headers = {
            "X-ClickHouse-Query-Id": request.query_id,
            "X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in summary.items()}),
        }
        if first_word(request.statement) in RESULT_WORDS:
            headers["X-ClickHouse-Format"] = request.answer_format
        return Answer(200, result.bytes() or b"", headers)

    def _credentials(self) -> tuple[str, str]:
        basic = self.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            user, _, password = base64.b64decode(basic[6:]).decode().partition(":")
            return user, password
        return self.headers.get("X-ClickHouse-User", "default"), self.headers.get("X-ClickHouse-Key", "")

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


def _refusal(code: int, text: str, status: int = 500) -> Answer:
    message = text if text.startswith("Code: ") else f"Code: {code}. DB::Exception: {text}"
    return Answer(status, message.encode(), {"X-ClickHouse-Exception-Code": str(code)})


def _read_head(head: bytes, body: Body) -> tuple[bytes, Insert | None]:
    """The statement with what came along, read on until it is complete or found to have no data behind it."""
    for piece in body:
        head += piece
        if first_word(head) == b"INSERT" and (insert := find_insert(head)):
            return head, insert
        if len(head) > LONGEST_STATEMENT:
            raise BrokenBodyError
    return head, find_insert(head)


@dataclass(frozen=True, slots=True)
class RunningFront:
    """A front in a process of its own."""

    process: subprocess.Popen[bytes]
    url: str


@contextmanager
def running_front(path: Path, *, user: str = "default", password: str = "") -> Iterator[RunningFront]:
    """A front over `path` in a process of its own, which ends with the context, or with this process."""
    port = free_port()
    command = [sys.executable, "-m", __spec__.name, "--port", str(port), "--path", str(path), "--user", user]
    process = subprocess.Popen([*command, "--password", password])
    watch = guard(process.pid, stop_signal=signal.SIGTERM)
    try:
        _wait_for(port, process)
        yield RunningFront(process, f"http://{quote(user)}:{quote(password)}@127.0.0.1:{port}/")
    finally:
        watch.kill()
        watch.wait()
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/ping", timeout=10):
                return
        except OSError:
            time.sleep(0.05)
    code = process.poll()
    how = f"did not answer within {START_SECONDS:.0f} s" if code is None else f"ended with code {code}"
    raise ServerError(f"The ClickHouse front did not start: it {how}.")


def main(words: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m scripts.servers.clickhouse_http", description=__doc__)
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--path", type=Path, required=True, help="the engine's directory")
    parser.add_argument("--user", default="default")
    parser.add_argument("--password", default="")
    arguments = parser.parse_args(words)
    front = Front(arguments.port, path=arguments.path, user=arguments.user, password=arguments.password)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=front.shutdown).start())
    try:
        front.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        front.server_close()
        front.engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
