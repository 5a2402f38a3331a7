"""What a server says of itself when it is examined: frozen values that any connector can give.

What follows from them (too old, too little room) is judged in `doctor/`; nothing here asks a server.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MissingGrant:
    """A right that our user does not have.

    Attributes:
        what: the right and its object, e.g. `SELECT on amtdb.accounts`.
        why: what does not work without it.
        statement: the statement that gives it, for an administrator to run.
        required: loads fail without it; else they work with less, as `why` says.
    """

    what: str
    why: str
    statement: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk of a server, in bytes."""

    name: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One server, seen by our user.

    Attributes:
        product: e.g. `MariaDB`.
        version: as the server prints it.
        skew: how far its clock is ahead of this machine's, in seconds; `None` when it has none of its own.
        uncertainty: half the time that the question took, in seconds; the skew is known no better.
        encrypted: the connection is; `None` when it never leaves this machine's process.
        missing: rights that our user lacks.
        absent: tables of the files that the server does not have.
        disks: as far as the server tells.
        notes: what could not be examined, and why.
    """

    product: str
    version: str
    skew: float | None = None
    uncertainty: float = 0.0
    encrypted: bool | None = None
    missing: tuple[MissingGrant, ...] = ()
    absent: tuple[str, ...] = ()
    disks: tuple[Disk, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NeededTable:
    """A table that files read from a source, with the columns that they name.

    Attributes:
        schema: empty where the database has none.
        columns: empty for all.
    """

    schema: str
    name: str
    columns: tuple[str, ...]


def measured_skew(ask: Callable[[], float]) -> tuple[float, float]:
    """How far a clock is ahead of ours, and how exactly that is known; `ask` returns its seconds since 1970.

    The best of three: a pause of this process makes a measurement worse, never better.
    """
    measured = []
    for _ in range(3):
        before = time.time()
        theirs = ask()
        after = time.time()
        measured.append((theirs - (before + after) / 2, (after - before) / 2))
    return min(measured, key=lambda one: one[1])
