"""Which of the things that are there now are new, and what is remembered of those that are not. Pure.

Nothing is told by order or time: a row of a transaction that commits late, or an object whose upload began early, would be
behind any mark. So everything that is there is remembered, as digests, and for a while also what has gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dagster_pipeline.errors import ConfigurationError

MOST = 5_000
"""Things that may be there at once: each is in the cursor, which every tick writes."""
GONE_REMEMBERED = 1_000
"""Things that are not there any more and are still known, should they come back."""
AT_ONCE = 500
"""Things that one run is started for; the rest waits for the next tick."""

_DIGITS = 16


def digest(identity: str) -> str:
    """A short name of a row or an object."""
    return hashlib.sha256(identity.encode()).hexdigest()[:_DIGITS]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """One look.

    Attributes:
        new: digests of what no run was started for, at most `AT_ONCE`.
        waiting: how many more there are.
        cursor: what the next look must be given when a run was started for `new`.
        unchanged: what it must be given when none was.
    """

    new: tuple[str, ...]
    waiting: int
    cursor: str
    unchanged: str


def look(there: Iterable[str], cursor: str | None, *, started: Iterable[str] = (), where: str) -> Arrivals:
    """Compare what is there with what was seen.

    Args:
        there: identities of the rows or objects.
        cursor: what the last look gave, `None` at the first.
        started: digests that the newest runs were started for: after a crash of the daemon the cursor may not know of them.
        where: names the place, for the error.

    Raises:
        ConfigurationError: too many things are there.
    """
    present = tuple(dict.fromkeys(map(digest, there)))
    if len(present) > MOST:
        raise ConfigurationError(
            f"{where}: {len(present):,} rows or objects are there, and at most {MOST:,} can be told apart.",
            todo="Narrow the query, the prefix or the pattern, or move away what was loaded.",
        )
    seen = dict.fromkeys((*(json.loads(cursor) if cursor else ()), *started))
    new = [each for each in present if each not in seen]
    taken = tuple(new[:AT_ONCE])
    return Arrivals(
        new=taken,
        waiting=len(new) - len(taken),
        cursor=_remember((*seen, *taken), present),
        unchanged=_remember(tuple(seen), present),
    )


def _remember(seen: Sequence[str], present: Sequence[str]) -> str:
    """What is there and was seen, and the newest of what has gone."""
    there = set(present)
    gone = [each for each in seen if each not in there][-GONE_REMEMBERED:]
    return json.dumps([*gone, *(each for each in seen if each in there)], separators=(",", ":"))
