"""Words of `bounds` that both dialects share, and why a bound is safe.

`settled` promises: no row with a cursor up to and including it can still appear. Two ways lead there.

A temporal cursor is written from a clock, so a row that appears later carries at least the start of the transaction
(PostgreSQL's `now()`) or statement (MySQL's `NOW()`) that wrote it, and that one is open now or begins later. So

    held    = age of the oldest open transaction + 1 s         (`sync.settle` + 1 s where they cannot be seen)
    settled = least(newest, greatest(present - held, clock - held - sync.settle - zones))

- `present` is the newest cursor that is not in the future. Counting back from a value of the column itself, and not
  from the clock, cancels what the column's clock differs from the server's: another time zone in a column without
  zone, an application server that lags. Rows dated in the future lie above `settled` and are read again every run.
- The second term lets a table that has been quiet settle on its newest row, which an append table needs to deliver it.
  `zones` is zero where the column knows its time zone, else 12 hours, the most that any zone lags behind UTC.
- "Future" is judged, in a column without zone, by the earlier of UTC and the server's own zone. A row that is dated
  ahead by less than a column's clock differs from both of them is the one case that is not caught; `sync.lookback` is.
- The extra second covers columns that round to seconds. A date holds back a whole day.

Any other cursor (a sequence, a random key) has no clock. The newest value is read first; whoever could still add a
smaller one took it in a transaction that is open at this moment, so the value is settled once exactly those
transactions have ended. They are waited for shortly. That holds for values that are taken from the database inside the
writing transaction, not for sequences with CACHE or numbers that an application hands out in blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

WAIT_SECONDS = 2.0
POLL_SECONDS = 0.15

NOTED_AGE = timedelta(minutes=1)
"""Open transactions younger than this are everyday and not worth a note."""


def held_back(who: str, age: timedelta) -> str:
    """The note for a transaction that keeps a temporal cursor back."""
    return f"The cursor stays {_spoken(age)} behind: the oldest open transaction at the source is {who}."


def unsettled(who: str) -> str:
    """The note for a transaction that keeps a cursor without a clock from being settled."""
    return (
        f"The cursor stays where it is: {who} had been open before the newest value was read and may still add "
        "a smaller one. What is new is read again next time."
    )


def unseen(grant: str, settle: timedelta) -> str:
    """The note for a missing right, temporal cursor."""
    return (
        f"Open transactions of other users cannot be seen ({grant} would show them), so what is older than "
        f"{_spoken(settle)} counts as settled (sync.settle)."
    )


def replica(what: str, settle: timedelta) -> str:
    """The note for a replica, temporal cursor."""
    return (
        f"The source is a {what}, where the primary's open transactions cannot be seen, so what is older than "
        f"{_spoken(settle)} counts as settled (sync.settle)."
    )


def never_settles(reason: str, todo: str) -> str:
    """The note for a cursor without a clock where nothing can be known."""
    return f"The cursor stays where it is: {reason}, so nothing is known to be settled. {todo}"


def future_rows(newest: str) -> str:
    """The note for rows ahead of the clock."""
    return (
        f"The newest cursor, {newest}, is ahead of the source's clock: rows dated in the future, or a column in "
        "another time zone. Rows above the settled value are read again every run."
    )


def wait_until_empty(remaining: Callable[[], list[str]]) -> list[str]:
    """Ask until nothing remains or time is up; returns what remains, described for people."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (left := remaining()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return left


def _spoken(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
