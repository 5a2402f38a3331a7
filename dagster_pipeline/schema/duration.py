"""Durations as people write them in a table file: `90s`, `10m`, `2h30m`, `1d`, or a bare number of seconds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"(\d+)([dhms])")
_WHOLE = re.compile(r"(?:\d+[dhms])+")


def parse_duration(value: Any) -> timedelta:
    """Turn `2h30m` or a number of seconds into a `timedelta`. Raises `ValueError` on anything else."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return timedelta(seconds=value)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value)))
    raise ValueError("a duration is written like 90s, 10m, 2h30m or 1d")


def format_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same whole seconds."""
    seconds = int(value.total_seconds())
    parts: list[str] = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
