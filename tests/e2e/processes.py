"""Processes that a test starts and kills, each with its log; and questions to Dagster's webserver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Processes:
    """Processes by name; `close` ends them all, each with its children."""

    def __init__(self, logs: Path) -> None:
        """`logs` is a directory that does not exist yet."""
        logs.mkdir()
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def launch(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start one and do not wait. What it prints goes to the end of its log."""
        with (self._logs / name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self, name: str) -> int:
        """Its exit code, once it has ended."""
        return self._running[name].wait()

    def must_live(self, name: str) -> None:
        """Fail the test with the log's end when it has ended."""
        if (code := self._running[name].poll()) is not None:
            raise AssertionError(f"{name} ended with {code}:\n{self.log(name)[-3000:]}")

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
            f"--- {path.name}\n{self.log(path.name)[-3000:]}" for path in sorted(self._logs.iterdir())
        )

    def close(self) -> None:
        """End what runs."""
        for name in list(self._running):
            self.kill(name)


def ask(web_url: str, query: str, **variables: Any) -> dict[str, Any]:
    """An answer of a webserver's GraphQL."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(
        f"{web_url}/graphql", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        data: dict[str, Any] = json.load(answer)
    assert "errors" not in data, data
    return dict(data["data"])
