"""Dagster as in production: code server, daemon and webserver as processes of their own, over one instance directory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from dagster import DagsterInstance

from scripts.servers.process import free_port

ROOT = Path(__file__).parents[2]
STARTUP_SECONDS = 120.0
LOCATION = "dagster_pipeline"
_T = TypeVar("_T")

DAGSTER_YAML = """
telemetry: {enabled: false}
concurrency:
  pools: {granularity: op, default_limit: 1}
  runs: {max_concurrent_runs: 4}
"""


def wait_for(what: str, look: Callable[[], _T | None], *, seconds: float, every: float = 0.2) -> _T:
    """What `look` finds, once it finds something. Fails the test with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None or found is False:
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} within {seconds:.0f} s.")
        time.sleep(every)
    return found


class Stack:
    """The processes, started one by one; `close` ends them all, each with its children."""

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        self.home = directory / "dagster_home"
        self.home.mkdir()
        (self.home / "dagster.yaml").write_text(DAGSTER_YAML)
        # Two processes that make the SQLite files at once leave them with two alembic heads, and nothing starts then.
        with DagsterInstance.from_config(str(self.home)):
            pass
        self._logs = directory / "logs"
        self._logs.mkdir()
        self._code_port, self._web_port = free_port(), free_port()
        self._workspace = directory / "workspace.yaml"
        self._workspace.write_text(
            "load_from:\n"
            f"  - grpc_server: {{host: 127.0.0.1, port: {self._code_port}, location_name: {LOCATION}}}\n"
        )
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "DAGSTER_HOME": str(self.home),
            **variables,
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start_code_server(self) -> None:
        """Return when the code server answers."""
        from dagster._grpc.client import DagsterGrpcClient

        where = ["-h", "127.0.0.1", "-p", str(self._code_port)]
        target = ["-m", "dagster_pipeline.definitions", "--location-name", LOCATION]
        self._start("code", ["dagster", "api", "grpc", *where, *target])
        client = DagsterGrpcClient(host="127.0.0.1", port=self._code_port)

        def answers() -> bool:
            self._must_live("code")
            with suppress(Exception):
                return client.ping("") is not None
            return False

        wait_for("the code server answers", answers, seconds=STARTUP_SECONDS)

    def start_daemon(self) -> None:
        """Does not wait: what the daemon does is waited for where it matters."""
        self._start("daemon", ["dagster._daemon", "run", "-w", str(self._workspace)])

    def start_webserver(self) -> None:
        """Return when the webserver answers."""
        where = ["-h", "127.0.0.1", "-p", str(self._web_port), "-w", str(self._workspace)]
        self._start("web", ["dagster_webserver", *where])

        def answers() -> bool:
            self._must_live("web")
            with suppress(OSError), urllib.request.urlopen(f"{self.web_url}/server_info", timeout=5):
                return True
            return False

        wait_for("the webserver answers", answers, seconds=STARTUP_SECONDS)

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self._web_port}"

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """An answer of the webserver's GraphQL."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.web_url}/graphql", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            data: dict[str, Any] = json.load(answer)
        assert "errors" not in data, data
        return dict(data["data"])

    def start_run_from_shell(self, table: str) -> Callable[[], int]:
        """`dagster asset materialize`; returns how to wait for its exit code."""
        name = f"shell {table.replace('/', '.')}"
        command = ["dagster", "asset", "materialize", "-m", "dagster_pipeline.definitions"]
        self._start(name, [*command, "--select", f'key:"{table}"'])
        return self._running[name].wait

    def kill(self, name: str) -> None:
        """End one process and its children by SIGKILL, as a crash would."""
        process = self._running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log(self, name: str) -> str:
        """What a process has printed."""
        return (self._logs / name).read_text(errors="replace")

    def last_words(self) -> str:
        """The end of what every process has printed, for a test that fails."""
        return "\n".join(
            f"--- {path.name}\n{self.log(path.name)[-2000:]}" for path in sorted(self._logs.iterdir())
        )

    def close(self) -> None:
        """End what runs."""
        for name in list(self._running):
            self.kill(name)

    def _start(self, name: str, module_and_arguments: list[str]) -> None:
        with (self._logs / name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", *module_and_arguments],
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _must_live(self, name: str) -> None:
        if self._running[name].poll() is not None:
            raise AssertionError(f"{name} ended:\n{self.log(name)[-3000:]}")
