"""Durations as people write them in a table file: `90s`, `10m`, `2h30m`, `1d`, or a bare number of seconds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

DURATION_PATTERN = r"^([0-9]{1,9}[dhms])+$"

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"([0-9]+)([dhms])")
_WHOLE = re.compile(DURATION_PATTERN)
_LONGEST = timedelta(days=3_650)
_LONGEST_TEXT = 40


def parse_duration(value: Any) -> timedelta:
    """Turn `2h30m` or a number of seconds into a `timedelta`.

    Raises `ValueError` on anything else, on a negative one and on one above ten years.
    """
    if isinstance(value, timedelta):
        return value
    seconds = _seconds(value)
    if seconds is None:
        raise ValueError(
            f"is '{str(value)[:40]}', which is no duration.",
            "Write one like 90s, 10m, 2h30m or 1d, or a whole number of seconds.",
        )
    if not 0 <= seconds <= _LONGEST.total_seconds():
        raise ValueError(
            f"is '{str(value)[:40]}', which is not between 0 and ten years.",
            f"The longest is {_LONGEST.days}d.",
        )
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same whole seconds."""
    seconds = int(value.total_seconds())
    parts: list[str] = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _seconds(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT and _WHOLE.fullmatch(value):
        return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    return None
