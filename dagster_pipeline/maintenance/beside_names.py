"""Names of tables that stand beside a table of ours for a while. Pure.

| name | what it is |
|---|---|
| `<table>__staging_<load>` | rows of a load that is not shown yet |
| `<table>__migrating_<original>` | the new shape of a table that is being migrated, later the old one |
| `<table>__retired_<day>_<original>` | what a migrated table was before; from that day on it may be dropped |
| `<table>__quarantine` | rows that broke a rule |

`<original>` are the first digits of the UUID of the table that was migrated. A UUID stays with the data when tables exchange
their names, so the names alone tell how far a migration came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from dagster_pipeline.connectors.sink.clickhouse.connector import STAGING_MARK

MIGRATING_MARK = "__migrating_"
RETIRED_MARK = "__retired_"
QUARANTINE_MARK = "__quarantine"
ID_DIGITS = 12
_DAY = "%Y%m%d"
_BESIDE = re.compile(
    rf"(?P<table>.+?)(?:(?P<staging>{STAGING_MARK})[0-9a-f]{{12}}"
    rf"|(?P<migrating>{MIGRATING_MARK})(?P<moved>[0-9a-f]{{{ID_DIGITS}}})"
    rf"|(?P<retired>{RETIRED_MARK})(?P<day>\d{{8}})_(?P<original>[0-9a-f]{{{ID_DIGITS}}})"
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
        day: from when on a retired table may be dropped.
    """

    table: str
    kind: Beside
    original: str = ""
    day: date | None = None


def parse(name: str) -> BesideName | None:
    """Whose table that is and what; `None` for any other name."""
    found = _BESIDE.fullmatch(name)
    if found is None:
        return None
    if found["retired"]:
        try:
            day = datetime.strptime(found["day"], _DAY).date()
        except ValueError:
            return None
        return BesideName(found["table"], Beside.RETIRED, found["original"], day)
    kind = next(kind for kind in Beside if kind is not Beside.RETIRED and found[kind.value])
    return BesideName(found["table"], kind, found["moved"] or "")


def migrating(table: str, original_id: str) -> str:
    """Name of the new shape of a table while it is built."""
    return f"{table}{MIGRATING_MARK}{short_id(original_id)}"


def retired(table: str, original_id: str, until: date) -> str:
    """Name of what a migrated table was before."""
    return f"{table}{RETIRED_MARK}{until.strftime(_DAY)}_{short_id(original_id)}"


def short_id(table_id: str) -> str:
    """The first digits of a UUID."""
    return table_id.replace("-", "")[:ID_DIGITS]
