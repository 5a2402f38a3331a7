"""Names of tables that stand beside a table of ours for a while. Pure.

| name | what it is |
|---|---|
| `<table>__staging_<load>` | rows of a load that is not shown yet |
| `<table>__migrating_<original>` | the new shape of a table that is being migrated, later the old one |
| `<table>__retired_<moment>_<days>d_<original>` | what a migrated table was before, since when, and how long it is kept |
| `<table>__quarantine` | rows that broke a rule |

`<original>` are the first digits of the UUID of the table that was migrated. A UUID stays with the data when tables exchange
their names, so the names alone tell how far a migration came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from dagster_pipeline.connectors.sink.clickhouse.staging import STAGING_MARK

MIGRATING_MARK = "__migrating_"
RETIRED_MARK = "__retired_"
QUARANTINE_MARK = "__quarantine"
ID_DIGITS = 12
_MOMENT = "%Y%m%dT%H%M%S"
_BESIDE = re.compile(
    rf"(?P<table>.+?)(?:(?P<staging>{STAGING_MARK})[0-9a-f]{{12}}"
    rf"|(?P<migrating>{MIGRATING_MARK})(?P<moved>[0-9a-f]{{{ID_DIGITS}}})"
    rf"|(?P<retired>{RETIRED_MARK})(?P<moment>\d{{8}}T\d{{6}})_(?P<days>\d+)d_(?P<original>[0-9a-f]{{{ID_DIGITS}}})"
    rf"|(?P<quarantine>{QUARANTINE_MARK}))"
)


class Beside(StrEnum):
    """What a table beside another one is."""

    STAGING = "staging"
    MIGRATING = "migrating"
    RETIRED = "retired"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class BesideName:
    """A name, taken apart.

    Attributes:
        table: whose it is.
        kind: what it is.
        original: first digits of the UUID of the table that was migrated, of migrations only.
        since: when a table was retired.
        until: from when on it may be dropped.
    """

    table: str
    kind: Beside
    original: str = ""
    since: datetime | None = None
    until: datetime | None = None


def parse(name: str) -> BesideName | None:
    """Whose table that is and what; `None` for any other name."""
    found = _BESIDE.fullmatch(name)
    if found is None:
        return None
    if found["retired"]:
        try:
            since = datetime.strptime(found["moment"], _MOMENT).replace(tzinfo=UTC)
            until = since + timedelta(days=int(found["days"]))
        except (ValueError, OverflowError):
            return None
        return BesideName(found["table"], Beside.RETIRED, found["original"], since, until)
    kind = next(kind for kind in Beside if kind is not Beside.RETIRED and found[kind.value])
    return BesideName(found["table"], kind, found["moved"] or "")


def migrating(table: str, original_id: str) -> str:
    """Name of the new shape of a table while it is built."""
    return f"{table}{MIGRATING_MARK}{short_id(original_id)}"


def retired(table: str, original_id: str, *, since: datetime, days: int) -> str:
    """Name of what a migrated table was before; `since` in UTC."""
    return f"{table}{RETIRED_MARK}{since.strftime(_MOMENT)}_{days}d_{short_id(original_id)}"


def short_id(table_id: str) -> str:
    """The first digits of a UUID."""
    return table_id.replace("-", "")[:ID_DIGITS]
