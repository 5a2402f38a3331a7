"""What a rule says about a key, wherever the key stands; and the 'did you mean' of all rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

_MOST_COMPARED = 1_000  # a comparison takes microseconds, and a file may hold many wrong names


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one key.

    Attributes:
        key: key path, e.g. `columns[2].type`; empty for the file as a whole.
        what: what is wrong, one sentence.
        todo: what to write instead; may be empty.
    """

    key: str
    what: str
    todo: str = ""


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, also when only the case differs."""
    by_folded: dict[str, str] = {}
    for candidate in islice(known, _MOST_COMPARED):
        by_folded.setdefault(candidate.casefold(), candidate)
    matches = get_close_matches(word[:100].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def suggest(word: str, known: Iterable[str], *, otherwise: str) -> str:
    """'Did you mean ...?', or what else to say when nothing is near."""
    meant = closest(word, known)
    return f"Did you mean '{meant}'?" if meant else otherwise


def listed(words: Iterable[str]) -> str:
    """`a, b and c`, for people."""
    items = list(words)
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def child(key: str, part: str | int) -> str:
    """The key path one step deeper."""
    if isinstance(part, int):
        return f"{key}[{part}]"
    return f"{key}.{part}" if key else part


def enclosing(key: str) -> str:
    """The key path one step up; empty at the top."""
    return key.rpartition("[" if key.endswith("]") else ".")[0]
