"""What the demo shows while it works: one line per step, with its time; what the steps print goes to a file."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dagster_pipeline.errors import PipelineError
from scripts.demo.environment import ROOT

SHOWN_LINES = 25
REASON = re.compile(r"^[\w.]*(?:Error|Exception|Failure): .*", re.MULTILINE)


class DemoError(PipelineError):
    """A step of the demo failed."""


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print the step's title, and its time when it is done."""
    print(f"{title + ' ':.<64}", end=" ", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - started:5.1f} s", flush=True)


def run_quietly(command: Sequence[str], *, environment: Mapping[str, str], log: Path, todo: str) -> None:
    """Run a program with its output at the end of `log`. Raises `DemoError` with the end of that output and `todo`."""
    with log.open("a") as output:
        output.write(f"\n$ {' '.join(command)}\n")
        output.flush()
        start = output.tell()
        result = subprocess.run(
            command,
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if result.returncode:
        with log.open(errors="replace") as written:
            written.seek(start)
            printed = written.read()
        raise DemoError(
            f"{_gist(printed)}\nIt ended with code {result.returncode}.",
            todo=f"{todo} All of its output: {log}",
        )


def _gist(printed: str) -> str:
    """The errors that stand at the ends of stack traces, each once; the last lines when there are none."""
    reasons = dict.fromkeys(REASON.findall(printed))
    return "\n".join(list(reasons or printed.splitlines())[-SHOWN_LINES:])
