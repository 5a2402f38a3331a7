"""A server that stands in for BigQuery: the REST calls that the official Python client sends, on 127.0.0.1. It is not BigQuery.

`python -m scripts.servers.bigquery --port P --project analytics --dataset sales`

It answers what an export needs (cloud.google.com/bigquery/docs/reference/rest): datasets.get, tables get, list, insert, patch
and delete, tabledata.list, jobs.insert for load (multipart and resumable upload), copy and query jobs, jobs.get and
jobs.getQueryResults. Rows are really kept (`bigquery_tables`). Job ids count once, as there.

Faults: `server.fail("jobs.insert.copy", Fault(...))` lets the next such call fail, and `server.calls` lists what was asked.

What it cannot show: permissions, quotas, slots and prices, times, how GoogleSQL differs from DuckDB's dialect, limits of
sizes and partitions, streaming buffers, and everything where the service is not as its pages say.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import socket
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from scripts.servers.bigquery_tables import Answer, ApiError, Name, Resource, Tables

_Reply = tuple[int, Resource, dict[str, str]]
_ROUTES = (
    (r"POST /upload/bigquery/v2/projects/[^/]+/jobs", "upload"),
    (r"PUT /session/(\w+)", "upload.chunk"),
    (r"POST /bigquery/v2/projects/([^/]+)/jobs", "jobs.insert"),
    (r"GET /bigquery/v2/projects/([^/]+)/jobs/([^/]+)", "jobs.get"),
    (r"GET /bigquery/v2/projects/([^/]+)/queries/([^/]+)", "jobs.getQueryResults"),
    (r"GET /bigquery/v2/projects/([^/]+)/datasets/([^/]+)", "datasets.get"),
    (r"POST /bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables", "tables.insert"),
    (r"GET /bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables", "tables.list"),
    (r"GET /bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)", "tables.get"),
    (r"PATCH /bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)", "tables.patch"),
    (r"DELETE /bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)", "tables.delete"),
    (r"GET /bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)/data", "tabledata.list"),
)


@dataclass
class Fault:
    """What happens to one call.

    Attributes:
        kind: `answer`: an error instead of the work. `cut_body`: the connection breaks in the middle of the request.
            `cut_answer`: the work is done, and the connection breaks. `hold`: the work is done, and no answer comes.
            `job_error`: the job is taken, changes nothing and has failed. `running`: the job's end shows only at the third look.
        reached: set when it happened.
        release: ends a `hold`.
    """

    kind: Literal["answer", "cut_body", "cut_answer", "hold", "job_error", "running"]
    status: int = 503
    reason: str = "backendError"
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


@dataclass
class Job:
    """A job that was taken; `looks` is how often it still shows as running."""

    resource: Resource
    answer: Answer | None = None
    looks: int = 0


class BigQueryServer(ThreadingHTTPServer):
    """The server, its tables, its jobs and its faults."""

    daemon_threads = False  # DuckDB must not be at work when the interpreter ends
    request_queue_size = 64

    def __init__(self, port: int = 0) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)
        self.tables = Tables()
        self.jobs: dict[tuple[str, str], Job] = {}
        self.sessions: dict[str, tuple[Resource, Resource | None]] = {}
        self.calls: list[str] = []
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def end(self) -> None:
        """Break every connection, and wait for their threads."""
        self.shutdown()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    @property
    def endpoint(self) -> str:
        """Address for `endpoint=` of a URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fail(self, call: str, fault: Fault, *, times: int = 1) -> Fault:
        """Let the next calls of this name fail, e.g. `jobs.insert.copy`, `upload.multipart`, `tables.get`."""
        self._faults[call].extend([fault] * times)
        return fault

    def fault_of(self, call: str) -> Fault | None:
        """The next fault of this call."""
        self.calls.append(call)
        return self._faults[call].popleft() if self._faults[call] else None

    def begin(self, given: Resource, body: bytes | None, fault: Fault | None) -> Resource:
        """jobs.insert: run a job at once. Its id counts once."""
        config, reference = given["configuration"], dict(given["jobReference"])
        with self.tables.lock:
            if config.get("dryRun"):
                return {**given, "status": {"state": "DONE"}, "statistics": {"totalBytesProcessed": "0"}}
            key = (reference["projectId"], reference["jobId"])
            if key in self.jobs:
                raise ApiError(409, "duplicate", f"Already Exists: Job {key[0]}:{key[1]}")
            now = str(int(time.time() * 1000))
            times = {"creationTime": now, "startTime": now, "endTime": now}
            job = Job({**given, "jobReference": reference, "status": {"state": "DONE"}, "statistics": times})
            try:
                self._run(job, config, body, fault)
            except ApiError as error:
                told = {"reason": error.reason, "message": error.message}
                job.resource["status"] |= {"errorResult": told, "errors": [told]}
            job.looks = 2 if fault and fault.kind == "running" else 0
            self.jobs[key] = job
            return self.shown(job)

    def _run(self, job: Job, config: Resource, body: bytes | None, fault: Fault | None) -> None:
        if fault and fault.kind == "job_error":
            raise ApiError(400, fault.reason, "a fault that was asked for")
        location = job.resource["jobReference"].get("location", "US")
        statistics = job.resource["statistics"]
        if "load" in config:
            into = self._table(config["load"]["destinationTable"], location)
            rows = self.tables.load(into, body or b"", config["load"])
            statistics["load"] = {"outputRows": str(rows), "inputFileBytes": str(len(body or b""))}
        elif "copy" in config:
            copy = config["copy"]
            (source,) = copy.get("sourceTables") or [copy["sourceTable"]]
            onto = self._table(copy["destinationTable"], location)
            rows = self.tables.copy(self._table(source, location), onto, copy["writeDisposition"])
            statistics["copy"] = {"copiedRows": str(rows)}
        else:
            job.answer = self.tables.query(config["query"]["query"])
            statistics["query"] = {"numDmlAffectedRows": str(job.answer.changed)}

    def _table(self, reference: Resource, location: str) -> Name:
        name = (reference["projectId"], reference["datasetId"], reference["tableId"])
        if self.tables.dataset(*name[:2])["location"].lower() != location.lower():
            raise ApiError(404, "notFound", f"Not found: Dataset {name[1]} was not found in {location}")
        return name

    def job(self, project: str, job_id: str) -> Job:
        """jobs.get."""
        if (project, job_id) not in self.jobs:
            raise ApiError(404, "notFound", f"Not found: Job {project}:{job_id}")
        return self.jobs[project, job_id]

    @staticmethod
    def shown(job: Job) -> Resource:
        """A job as it looks now."""
        if job.looks:
            job.looks -= 1
            return {**job.resource, "status": {"state": "RUNNING"}}
        return job.resource


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: BigQueryServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's name
        """Say nothing."""

    def do_GET(self) -> None:
        """Any request."""
        call, names = self._call()
        length = int(self.headers.get("Content-Length") or 0)
        body = b"" if call.startswith("upload") else self.rfile.read(length)
        if call == "jobs.insert":
            given = json.loads(body)["configuration"]
            call += "." + next(kind for kind in ("load", "copy", "query") if kind in given)
        fault = self.server.fault_of(call)
        if fault and fault.kind not in ("cut_answer", "hold"):
            fault.reached.set()
        if fault and fault.kind == "cut_body":
            self.rfile.read(0 if body else length // 2)
            self._cut(fault)
            return
        body = body or self.rfile.read(length)
        status, answer, headers = self._answer(call, names, body, fault)
        if fault and fault.kind in ("cut_answer", "hold"):
            self._cut(fault)
            return
        self._send(status, answer, headers)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 -- the base's names

    def _call(self) -> tuple[str, tuple[str, ...]]:
        parts = urlsplit(self.path)
        wanted = f"{self.command} {parts.path}"
        for route, call in _ROUTES:
            found = re.fullmatch(route, wanted)
            if found and call == "upload":
                how = dict(parse_qsl(parts.query)).get("uploadType", "")
                return f"upload.{'start' if how == 'resumable' else how}", ()
            if found:
                return call, found.groups()
        return wanted, ()

    def _answer(self, call: str, names: tuple[str, ...], body: bytes, fault: Fault | None) -> _Reply:
        try:
            if fault and fault.kind == "answer":
                raise ApiError(fault.status, fault.reason, "a fault that was asked for")  # noqa: TRY301 -- as any other
            if call.startswith("upload"):
                return self._upload(call, names, body, fault)
            return 200, self._done(call, names, body, fault), {}
        except ApiError as error:
            told = {"reason": error.reason, "message": error.message, "domain": "global"}
            return (
                error.status,
                {"error": {"code": error.status, "message": error.message, "errors": [told]}},
                {},
            )

    def _done(self, call: str, names: tuple[str, ...], body: bytes, fault: Fault | None) -> Resource:
        server, tables = self.server, self.server.tables
        document = json.loads(body) if body else {}
        if call.startswith("jobs.insert"):
            return server.begin(document, None, fault)
        answers: dict[str, Callable[..., Resource]] = {
            "jobs.get": lambda *name: server.shown(server.job(*name)),
            "jobs.getQueryResults": lambda *name: _results(server.job(*name)),
            "datasets.get": tables.dataset,
            "tables.list": lambda *of: {"tables": [_reference((*of, name)) for name in tables.names(*of)]},
            "tables.insert": lambda *_: tables.create(document),
            "tables.get": lambda *name: tables.get(name),
            "tables.patch": lambda *name: tables.change(name, document),
            "tables.delete": lambda *name: tables.delete(name),
            "tabledata.list": lambda *name: tables.listed(name),
        }
        if call not in answers:
            raise ApiError(501, "notImplemented", f"{call} is not answered here")
        return answers[call](*names)

    def _upload(self, call: str, names: tuple[str, ...], body: bytes, fault: Fault | None) -> _Reply:
        if call == "upload.multipart":
            given, content = _parts(body, self.headers)
            return 200, self.server.begin(given, content, fault), {}
        if call == "upload.start":
            session = secrets.token_hex(8)
            self.server.sessions[session] = (json.loads(body), None)
            return 200, {}, {"Location": f"{self.server.endpoint}/session/{session}"}
        given, answer = self.server.sessions[names[0]]
        if answer is None:
            answer = self.server.begin(given, body, fault)
            self.server.sessions[names[0]] = (given, answer)
        return 200, answer, {}

    def _send(self, status: int, answer: Resource, headers: dict[str, str]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        for key, value in {**headers, "Content-Type": "application/json"}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _cut(self, fault: Fault) -> None:
        fault.reached.set()
        if fault.kind == "hold":
            fault.release.wait()
        self.close_connection = True
        self.connection.close()


def _reference(name: Name) -> Resource:
    keys = ("projectId", "datasetId", "tableId")
    return {"tableReference": dict(zip(keys, name, strict=True)), "type": "TABLE"}


def _results(job: Job) -> Resource:
    failed = job.resource["status"].get("errorResult")
    if failed:
        raise ApiError(400, failed["reason"], failed["message"])
    reference = {"jobReference": job.resource["jobReference"]}
    if job.looks or job.answer is None:
        return {**reference, "jobComplete": False}
    if not job.answer.fields:
        return {**reference, "jobComplete": True, "numDmlAffectedRows": str(job.answer.changed)}
    rows = job.answer.rows
    schema = {"fields": job.answer.fields}
    return {**reference, "jobComplete": True, "schema": schema, "totalRows": str(len(rows)), "rows": rows}


def _parts(body: bytes, headers: Message) -> tuple[Resource, bytes]:
    """The two parts of `multipart/related`: the job, and the file."""
    boundary = b"--" + str(headers.get_param("boundary")).encode()
    first, second = body.split(boundary)[1:3]
    given = json.loads(first.partition(b"\r\n\r\n")[2])
    return given, second.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


@contextmanager
def running_bigquery(port: int = 0) -> Iterator[BigQueryServer]:
    """A server in threads of this process, without datasets; it ends with the context."""
    server = BigQueryServer(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.end()


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description="A server that stands in for BigQuery.")
    parser.add_argument("--port", type=int, default=9050)
    parser.add_argument("--project", default="analytics")
    parser.add_argument("--dataset", default="sales")
    parser.add_argument("--location", default="EU")
    asked = parser.parse_args()
    with running_bigquery(asked.port) as server:
        server.tables.create_dataset(asked.project, asked.dataset, location=asked.location)
        print(f"bigquery://{asked.project}?endpoint={server.endpoint}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
