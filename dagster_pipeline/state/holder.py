"""Which process holds a lock, so that another one on the same machine can see that it is dead.

A process is told by the machine's boot, the process number's namespace (containers on one machine may share a host name,
not numbers), the number, and the moment it started (numbers are used again). Where a system has no /proc, nobody is
ever judged dead, and a lock ends by its time alone.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_STATE, _STARTED = 0, 19
"""Places in /proc/<pid>/stat behind the name in brackets (`man 5 proc_pid_stat`: fields 3 and 22)."""
_DEAD = frozenset("ZX")


def of_this_process() -> str:
    """Tells this process from every other; empty where it cannot be told."""
    machine, started = _machine(), _stat(os.getpid())
    return f"{machine}/{os.getpid()}/{started[_STARTED]}" if machine and started else ""


def has_ended(holder: str) -> bool:
    """Whether that process ran on this machine and runs no more. `False` when it cannot be known."""
    machine, _, process = holder.partition("/")
    number, _, started = process.partition("/")
    if not started or not number.isdigit() or machine != _machine():
        return False
    found = _stat(int(number))
    if not found:
        return not _is_there(int(number))
    return found[_STATE] in _DEAD or found[_STARTED] != started


def _is_there(process: int) -> bool:
    """Asked of the kernel itself: /proc may hide other users' processes (`hidepid`, `man 5 proc`)."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _machine() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}.{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _stat(process: int) -> list[str]:
    """The fields behind the name, which may hold spaces and brackets; empty when there is no such process."""
    try:
        return (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return []
