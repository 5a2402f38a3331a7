"""Pipes between threads and processes that carry rows: larger ones need fewer system calls and fewer turns of the scheduler."""

from __future__ import annotations

import fcntl
from contextlib import suppress


def enlarge(pipe: int, size: int) -> None:
    """Let a pipe hold so many bytes; where the system has no such call, or sets a limit, it stays as it is."""
    with suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, size)
