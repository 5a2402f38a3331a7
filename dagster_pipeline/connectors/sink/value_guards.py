"""Values that a column of PostgreSQL or MySQL would change without an error, or cannot hold at all, found in Arrow.

The same cases as the guards of `type_mapper.outbound`, which are ClickHouse predicates: an export's rows have left it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dagster_pipeline.errors import DataQualityError
from dagster_pipeline.type_mapper.outbound import Outgoing
from dagster_pipeline.type_mapper.type_text import parse_type_text


@dataclass(frozen=True, slots=True)
class ValueGuard:
    """`violated` makes a mask of an Arrow column; `reason` says what is wrong with those values."""

    violated: Callable[[Any], Any]
    reason: str


NO_ZERO = ValueGuard(lambda values: pc.match_substring(values, "\0"), "hold a NUL character")
FINITE = ValueGuard(lambda values: pc.invert(pc.is_finite(values)), "are not finite numbers")
NO_SPACE_AT_END = ValueGuard(lambda values: pc.ends_with(values, " "), "end with a space, which CHAR drops")


def postgres_guards(source: Outgoing, target: str) -> tuple[ValueGuard, ...]:
    """For a column of that type as the catalog prints it."""
    if source.family != "text":
        return ()
    limit = _length(target, ("character varying", "character", "varchar", "char"))
    return (NO_ZERO, *((longest(limit),) if limit else ()))


def mysql_guards(source: Outgoing, target: str) -> tuple[ValueGuard, ...]:
    """As `postgres_guards`."""
    if source.family in ("float", "double"):
        return (FINITE,)
    if source.family != "text":
        return ()
    name = target.partition("(")[0].lower()
    limit = _length(target, ("varchar", "char"))
    guards = (longest(limit),) if limit else ()
    if name == "time":
        digits = (parse_type_text(target).numbers or (0,))[0]
        guards = (_fraction(digits),)
    return (*guards, *((NO_SPACE_AT_END,) if name == "char" else ()))


def longest(characters: int) -> ValueGuard:
    """A text may be as long."""
    return ValueGuard(
        lambda values: pc.greater(pc.utf8_length(values), characters),
        f"are longer than {characters} characters",
    )


def judge(values: Any, guards: tuple[ValueGuard, ...], *, table: str, name: str) -> None:
    """Raises `DataQualityError` that names the column and counts its rows; never says a value."""
    for guard in guards:
        found = pc.sum(guard.violated(values).cast(pa.int64())).as_py() or 0
        if found:
            raise DataQualityError(
                f"{table}: {found} or more values of '{name}' {guard.reason}.",
                todo="Nothing was written. Correct them, or convert them in `columns` of the export.",
            )


def _fraction(digits: int) -> ValueGuard:
    return ValueGuard(
        lambda values: pc.match_substring_regex(values, f"\\.\\d{{{digits + 1},}}"),
        f"have more than {digits} digits after the second",
    )


def _length(target: str, names: tuple[str, ...]) -> int | None:
    if not target.lower().startswith(names):
        return None
    text = parse_type_text(target)
    return text.numbers[0] if text.numbers and not text.dimensions else None
