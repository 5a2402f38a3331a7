"""Dagster as in production: code server, daemon and webserver as processes of their own, over one instance directory."""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from dagster import DagsterInstance

from scripts.servers.process import free_port
from tests.e2e.processes import ROOT, Processes, ask

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


class Stack(Processes):
    """The processes, started one by one."""

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        self.home = directory / "dagster_home"
        self.home.mkdir()
        (self.home / "dagster.yaml").write_text(DAGSTER_YAML)
        # Two processes that make the SQLite files at once leave them with two alembic heads, and nothing starts then.
        with DagsterInstance.from_config(str(self.home)):
            pass
        super().__init__(directory / "logs")
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

    def start_code_server(self) -> None:
        """Return when the code server answers."""
        from dagster._grpc.client import DagsterGrpcClient

        where = ["-h", "127.0.0.1", "-p", str(self._code_port)]
        target = ["-m", "dagster_pipeline.definitions", "--location-name", LOCATION]
        self._start("code", ["dagster", "api", "grpc", *where, *target])
        client = DagsterGrpcClient(host="127.0.0.1", port=self._code_port)

        def answers() -> bool:
            self.must_live("code")
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
            self.must_live("web")
            with suppress(OSError), urllib.request.urlopen(f"{self.web_url}/server_info", timeout=5):
                return True
            return False

        wait_for("the webserver answers", answers, seconds=STARTUP_SECONDS)

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self._web_port}"

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """An answer of the webserver's GraphQL."""
        return ask(self.web_url, query, **variables)

    def start_run_from_shell(self, table: str) -> Callable[[], int]:
        """`dagster asset materialize`; returns how to wait for its exit code."""
        name = f"shell {table.replace('/', '.')}"
        command = ["dagster", "asset", "materialize", "-m", "dagster_pipeline.definitions"]
        self._start(name, [*command, "--select", f'key:"{table}"'])
        return partial(self.wait, name)

    def _start(self, name: str, module_and_arguments: list[str]) -> None:
        self.launch(name, [sys.executable, "-m", *module_and_arguments], self._environment)
