"""PostgreSQL's dates and timestamps: what of them ClickHouse can hold, and the nearest value of what it cannot.

Infinity compares above or below everything, and so does a year BC, so two comparisons find all that does not fit.
"""

from __future__ import annotations

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, datetime64, day_span
from dagster_pipeline.type_mapper.type_rule import Limit, TypeRule, override_refused

_TEXT = "{column}::text"


def date_rule(source_type: object, wanted: ClickHouseType | None) -> TypeRule:
    """Date32, or Date where it is wanted."""
    stored = wanted.name if wanted is not None else "Date32"
    if stored not in ("Date", "Date32"):
        raise override_refused(source_type, wanted, ("Date32", "Date"))
    first, last = day_span(stored) or ("", "")
    return TypeRule(
        stored,
        _TEXT,
        limit=Limit(
            violated=f"{{column}} NOT BETWEEN DATE '{first}' AND DATE '{last}'",
            nearest=f"GREATEST(LEAST({{column}}, DATE '{last}'), DATE '{first}')",
            reason=f"outside {first} to {last}",
            span=(first, last),
        ),
    )


def timestamp_rule(
    source_type: object, wanted: ClickHouseType | None, *, digits: int, is_instant: bool
) -> TypeRule:
    """A moment in UTC, or a wall clock that ClickHouse shows as UTC.

    `digits` are those after the second at the source. An instant (`with time zone`) arrives as it is, without a zone.
    """
    if wanted is None:
        stored, kept = datetime64(digits), digits
    elif wanted.name == "DateTime64":
        stored, kept = wanted.bare, int(wanted.arguments[0])
    elif wanted.name == "DateTime":
        stored, kept = wanted.bare, 0
    else:
        raise override_refused(source_type, wanted, (f"DateTime64({digits}, 'UTC')", "DateTime('UTC')"))
    clock = "({column} AT TIME ZONE 'UTC')" if is_instant else "{column}"
    limit = _limit(
        clock, "DateTime" if stored.startswith("DateTime(") else "DateTime64", digits=digits, kept=kept
    )
    return TypeRule(stored, _TEXT, limit=limit)


def _limit(clock: str, stored: str, *, digits: int, kept: int) -> Limit:
    first, last = day_span(stored, kept) or ("", "")
    beyond = day_span(stored, max(digits, kept)) or ("", "")
    rounded = f"{clock}::timestamp({kept})" if kept < digits else clock
    checks = [_outside(clock, first, beyond[1])]
    checks += [f"{clock} <> {rounded}"] if kept < digits else []
    return Limit(
        violated=" OR ".join(checks),
        nearest=f"GREATEST(LEAST({rounded}, TIMESTAMP '{last}'), TIMESTAMP '{first}')",
        reason=f"outside {first} to {last}" + (f" or finer than {kept} digits" if kept < digits else ""),
        span=None if kept < digits else (first, last),
    )


def _outside(clock: str, first: str, last: str) -> str:
    """An instant is compared as it is: turning it into a wall clock costs as much as printing it."""
    if clock == "{column}":
        return f"{clock} NOT BETWEEN TIMESTAMP '{first}' AND TIMESTAMP '{last}'"
    return f"{{column}} NOT BETWEEN TIMESTAMPTZ '{first}+00' AND TIMESTAMPTZ '{last}+00'"
