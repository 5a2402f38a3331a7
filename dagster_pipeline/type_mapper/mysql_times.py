"""MySQL's dates and times: which of them exist and fit, and what stands for those that do not.

A server without strict mode keeps 0000-00-00, 2024-00-00 and even 2024-02-31, also in NOT NULL columns. The reader tells
them by itself (`Limit.span`) unless a policy wants another value in their place. All comparisons are of the column with
constants, so the server converts nothing per row.
"""

from __future__ import annotations

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, datetime64, day_span
from dagster_pipeline.type_mapper.type_rule import Limit, TypeRule, override_refused
from dagster_pipeline.type_mapper.type_text import TypeText

_TEXT = "CAST({column} AS CHAR)"
_NO_SUCH_DAY = (
    "MONTH({column}) = 0 OR DAYOFMONTH({column}) NOT BETWEEN 1 AND 28"
    " AND (DAYOFMONTH({column}) = 0 OR DAYOFMONTH({column}) > DAYOFMONTH(LAST_DAY({column})))"
)
"""Nine days of ten are known to exist from one look."""
_FIRST_TIMESTAMP = "1970-01-01 00:00:01"
_LAST_TIMESTAMP = "2299-12-31 23:59:59.999999"
"""Later than any server's."""


def date_rule(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    """Date32, or Date where it is wanted."""
    stored = wanted.name if wanted is not None else "Date32"
    if stored not in ("Date", "Date32"):
        raise override_refused(text, wanted, ("Date32", "Date"))
    first, last = day_span(stored) or ("", "")
    return TypeRule(
        stored,
        _TEXT,
        wire="Date32",
        limit=Limit(
            violated=f"{{column}} NOT BETWEEN '{first}' AND '{last}' OR {_NO_SUCH_DAY}",
            nearest=f"IF({{column}} > '{last}', DATE'{last}', DATE'{first}')",
            reason=f"not a day, or outside {first} to {last}",
            span=(first, last),
        ),
    )


def datetime_rule(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    """A wall clock, which ClickHouse shows as UTC."""
    digits, stored, kept = _target(text, wanted)
    first, last = day_span(stored.partition("(")[0], kept) or ("", "")
    beyond = (day_span(stored.partition("(")[0], max(digits, kept)) or ("", ""))[1]
    too_fine = f" OR {{column}} <> CAST({{column}} AS DATETIME({kept}))" if kept < digits else ""
    nearest = f"WHEN {{column}} > '{last}' THEN TIMESTAMP'{last}'"
    if too_fine:
        nearest += f" WHEN {{column}} >= '{first}' AND NOT ({_NO_SUCH_DAY}) THEN CAST({{column}} AS DATETIME({kept}))"
    return TypeRule(
        stored,
        _TEXT,
        wire=datetime64(digits),
        limit=Limit(
            violated=f"{{column}} NOT BETWEEN '{first}' AND '{beyond}' OR {_NO_SUCH_DAY}{too_fine}",
            nearest=f"CASE {nearest} ELSE TIMESTAMP'{first}' END",
            reason=f"not a day, or outside {first} to {last}"
            + (f", or finer than {kept} digits" if too_fine else ""),
            span=None if too_fine else (first, last),
        ),
    )


def timestamp_rule(text: TypeText, wanted: ClickHouseType | None) -> TypeRule:
    """An instant from 1970 on, in UTC because the session is; only the zero timestamp does not fit."""
    digits, stored, kept = _target(text, wanted)
    too_fine = f"{{column}} <> CAST({{column}} AS DATETIME({kept}))" if kept < digits else ""
    least = f"TIMESTAMP'{_FIRST_TIMESTAMP}'"
    nearest = (
        f"IF({{column}} < {least}, {least}, CAST({{column}} AS DATETIME({kept})))" if too_fine else least
    )
    return TypeRule(
        stored,
        _TEXT,
        wire=datetime64(digits),
        limit=Limit(
            violated=f"{{column}} < {least}" + (f" OR {too_fine}" if too_fine else ""),
            nearest=nearest,
            reason="the zero timestamp" + (f", or finer than {kept} digits" if too_fine else ""),
            span=None if too_fine else (_FIRST_TIMESTAMP, _LAST_TIMESTAMP),
        ),
    )


def _target(text: TypeText, wanted: ClickHouseType | None) -> tuple[int, str, int]:
    """Digits after the second at the source, the stored type, and the digits that it keeps."""
    digits = text.numbers[0] if text.numbers else 0
    if wanted is None:
        return digits, datetime64(digits), digits
    if wanted.name == "DateTime64":
        return digits, wanted.bare, int(wanted.arguments[0])
    if wanted.name == "DateTime":
        return digits, wanted.bare, 0
    raise override_refused(text, wanted, (f"DateTime64({digits}, 'UTC')", "DateTime('UTC')"))
