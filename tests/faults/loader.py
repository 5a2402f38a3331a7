"""Runs of the loading process, one after the other, as a scheduler would start them; any of them may be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "integration" / "sync" / "loading_process.py"
PATIENCE_SECONDS = 120.0
"""A run that takes longer has hung, and that is an error."""


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        how: `well`, `killed`, `interrupted`, the group of our error, or `crashed` and `hung`, which must not be.
        said: what it printed.
        words: the error's text, or the end of a traceback.
    """

    how: str
    said: dict[str, Any]
    words: str = ""
    seconds: float = 0.0


class Run:
    """One process that loads."""

    def __init__(self, facts: dict[str, Any], folder: Path) -> None:
        file = folder / "facts.json"
        file.write_text(json.dumps(facts))
        self._began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(file)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Whether the condition came true while it ran."""
        while self.is_alive():
            if condition():
                return True
            time.sleep(0.005)
        return False

    def kill(self, signal_number: int) -> bool:
        """Send a signal; whether it was alive to get it."""
        alive = self.is_alive()
        if alive:
            self.process.send_signal(signal_number)
        return alive

    def end(self) -> Ended:
        """Wait for its end."""
        how = ""
        try:
            out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            how = "hung"
            _kill_family(self.process.pid)
            out, err = self.process.communicate()
        seconds = time.monotonic() - self._began
        if how:
            return Ended(how, {}, err[-2000:], seconds)
        if self.process.returncode < 0:
            return Ended("killed", {}, f"signal {-self.process.returncode}", seconds)
        if self.process.returncode or not out.strip():
            return Ended("crashed", {}, err[-3000:], seconds)
        said = json.loads(out.splitlines()[-1])
        return Ended(said["ended"], said, said.get("words", ""), seconds)


def _kill_family(pid: int) -> None:
    process = psutil.Process(pid)
    for member in [*process.children(recursive=True), process]:
        member.kill()
