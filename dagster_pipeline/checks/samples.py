"""Rows at fault, as they may be shown in a UI and in logs: enough to find the row, never a person's data.

A column with `mask:` is not shown at all, not even what its mask made of it. Of any other text only the first letters
and the length are shown, since nobody can say what a text holds. Numbers, times and identifiers are shown as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

SHOWN_ROWS = 5
SHOWN_LETTERS = 2
HIDDEN = "masked"


def shown(value: Any, *, is_text: bool, is_masked: bool) -> str:
    """One value for people."""
    if value is None:
        return "NULL"
    if is_masked:
        return HIDDEN
    text = str(value)
    return shortened(text) if is_text else text


def shortened(text: str) -> str:
    """The first letters and the length of a text."""
    if not text:
        return "'' (empty)"
    return f"'{text[:SHOWN_LETTERS]}…' ({len(text)} characters)"


def shown_row(
    row: tuple[Any, ...], columns: tuple[str, ...], *, types: Mapping[str, str], masked: Collection[str]
) -> tuple[str, ...]:
    """One row for people; `types` are ClickHouse types by column, and what has none is a number of ours."""
    return tuple(
        shown(value, is_text=_is_text(types.get(name, "UInt64")), is_masked=name in masked)
        for value, name in zip(row, columns, strict=True)
    )


def _is_text(type_: str) -> bool:
    """Text, or something that may hold text."""
    return "String" in type_ or "Enum" in type_
