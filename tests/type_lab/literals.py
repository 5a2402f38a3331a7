"""SQL literals of the values at which conversions break, by family of type. Both dialects read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tests.type_lab.case import TypeCase

Literals = tuple[str, ...]


def integers(bits: int, *, signed: bool = True) -> Literals:
    """Both limits and their neighbours, zero and its neighbours, and where a float or a smaller integer would give up."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    wanted = [low, low + 1, -10, -1, 0, 1, 2, 9, 10, 100, high // 2, high // 2 + 1, high - 1, high]
    wanted += [2**power + step for power in (7, 8, 15, 16, 24, 31, 32, 53, 63) for step in (-1, 0, 1)]
    return tuple(str(number) for number in sorted({each for each in wanted if low <= each <= high}))


def decimals(precision: int, scale: int, *, signed: bool = True) -> Literals:
    """The limits, the smallest steps around zero and below the limits, trailing zeros, and digits that a float cannot hold."""
    digits = "9" * precision
    steps = [
        1,
        2,
        10,
        int("1" * precision),
        int("123456789" * 9) % 10**precision,
        int(digits) - 1,
        int(digits),
    ]
    steps += [10**place for place in range(0, precision, max(1, precision // 4))]
    texts = [_shifted(step, scale) for step in sorted(set(steps))]
    return ("0", *texts, *(f"-{text}" for text in texts)) if signed else ("0", *texts)


def _shifted(number: int, scale: int) -> str:
    if scale <= 0:
        return str(number)
    text = str(number).rjust(scale + 1, "0")
    return f"{text[:-scale]}.{text[-scale:]}"


def quoted(*texts: str) -> Literals:
    """Plain texts in single quotes."""
    return tuple("'" + text.replace("'", "''") + "'" for text in texts)


def enriched(cases: Iterable[TypeCase], more: Mapping[str, Sequence[str]]) -> tuple[TypeCase, ...]:
    """The cases, with more values for the first case of each named type that has no override.

    Raises `KeyError` when a name in `more` is no such type: a misspelt name would silently add nothing.
    """
    left = dict(more)
    found = []
    for case in cases:
        extra = () if case.clickhouse_type else left.pop(case.type, ())
        found.append(replace(case, exact=tuple(dict.fromkeys((*case.exact, *extra)))))
    if left:
        raise KeyError(f"no case for {', '.join(left)}")
    return tuple(found)
