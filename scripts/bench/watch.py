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

SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command cost.

    Attributes:
        seconds: wall time.
        cpu_seconds: user and system time of the process and all its descendants.
        peak_bytes: greatest sum of the tree's proportional set sizes, sampled; a page that several processes share
            counts once in all.
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

        spent: dict[tuple[int, float], float] = {}

        def sample() -> None:
            nonlocal peak
            while not done.wait(SAMPLE_SECONDS):
                peak = max(peak, tree_bytes(process.pid))
                spent.update(_cpu_by_process(process.pid))

        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        try:
            exit_code = process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            done.set()
            sampler.join()
    # A descendant that its parent did not wait for is in no parent's account; what was seen of it is.
    cpu = max(_children_cpu() - before, sum(spent.values()))
    return Cost(time.monotonic() - began, cpu, peak, exit_code)


def tree_bytes(pid: int) -> int:
    """Proportional set size of a process and its descendants."""
    return sum(_bytes(member) for member in _family(pid))


def tree_cpu(pid: int) -> float:
    """CPU seconds that a process and its descendants have used so far, those that ended included."""
    total = 0.0
    for member in _family(pid):
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def machine_cpu() -> float:
    """CPU seconds that everything on this machine has used so far."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _cpu_by_process(pid: int) -> dict[tuple[int, float], float]:
    found = {}
    for member in _family(pid):
        try:
            with member.oneshot():
                times = member.cpu_times()
                found[member.pid, member.create_time()] = times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return found


def _family(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _bytes(process: psutil.Process) -> int:
    """Proportional set size (`man 5 proc`, smaps_rollup), which is a tenth of the price of adding up all mappings."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except (OSError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)
