"""Cron texts, time zones and dates of a table file, judged without Dagster."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from dagster_pipeline.schema.finding import suggest

_CRON_FIELDS = 5
_LONGEST_CRON = 200


@lru_cache(maxsize=4096)
def cron(value: str) -> str:
    """A cron text of exactly five fields that comes up at some time. Raises `ValueError`.

    Dagster accepts what croniter does when it resolves to five fields (dagster `_utils/schedules.py`,
    `is_valid_cron_string`); `@daily` and the like are refused so that one spelling is used everywhere.
    """
    from croniter import CroniterBadDateError, croniter  # noqa: PLC0415 -- 30 ms that files without a schedule need not pay

    if len(value.split()) != _CRON_FIELDS or len(value) > _LONGEST_CRON:
        raise ValueError(
            f"is '{value[:80]}', which has not exactly five fields.",
            'Write minute, hour, day, month and weekday, e.g. "*/15 * * * *".',
        )
    try:
        croniter(value, datetime(2024, 1, 1)).get_next()
    except CroniterBadDateError as error:
        raise ValueError(f"is '{value}', which never comes.", "Choose a day that the month has.") from error
    except (ValueError, KeyError, AttributeError, TypeError, IndexError, OverflowError) as error:
        raise ValueError(
            f"is '{value}', which is no cron text.",
            'Write minute, hour, day, month and weekday, e.g. "*/15 * * * *".',
        ) from error
    return value


@lru_cache(maxsize=1024)
def timezone(value: str) -> str:
    """A name of the IANA time zone database. Raises `ValueError`."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"is '{value[:80]}', which is no time zone.",
            suggest(value, available_timezones(), otherwise="Write a name like UTC or Europe/Berlin."),
        ) from error
    return value


def start_date(value: str) -> str:
    """A day as YYYY-MM-DD. Raises `ValueError`."""
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"is '{value[:80]}', which is no date.", 'Write a day like "2024-01-31".') from error
    return day.isoformat()
