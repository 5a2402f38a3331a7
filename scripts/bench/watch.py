"""Runs a command to its end and says what it cost: wall time, CPU seconds, peak memory of the whole process tree."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command cost.

    Attributes:
        seconds: wall time.
        cpu_seconds: user and system time of the process and all its descendants.
        peak_bytes: greatest sum of the tree's resident memory, sampled; pages that processes share count in each.
        exit_code: as the command gave it.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    exit_code: int


def watch(command: Sequence[str], *, environment: Mapping[str, str], output: Path) -> Cost:
    """Run `command` with its output in a file."""
    before = _children_cpu()
    began = time.monotonic()
    peak = 0
    with output.open("wb") as file:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=file, stderr=file)
        done = threading.Event()

        def sample() -> None:
            nonlocal peak
            while not done.wait(SAMPLE_SECONDS):
                peak = max(peak, _tree_bytes(process.pid))

        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        exit_code = process.wait()
        done.set()
        sampler.join()
    return Cost(time.monotonic() - began, _children_cpu() - before, peak, exit_code)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _tree_bytes(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_bytes(member) for member in family)


def _bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
