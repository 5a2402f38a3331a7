"""The words of alerts: what kinds there are, how bad one is, and one thing that happened to one table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlertKind(StrEnum):
    """What a message is about."""

    RUN_FAILURE = "run_failure"
    FAILED_CHECK = "failed_check"
    ERRORED_CHECK = "errored_check"
    LATE = "late"
    SCHEMA_DRIFT = "schema_drift"
    REPEATED_FAILURE = "repeated_failure"
    RECOVERY = "recovery"


class Severity(StrEnum):
    """How bad it is, from the mildest on."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return list(Severity).index(self)


class Channel(StrEnum):
    """A way to reach people."""

    SLACK = "slack"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something is wrong with one table. Its text is fit to be sent: no secret, no value of a row.

    Attributes:
        kind: what happened.
        severity: how bad it is.
        table: `database/table`; a job's name when no table can be named.
        scope: tells things of one kind apart that a table can have at once: the check's name.
        cause: short text that is the same for the same trouble, also with other tables.
        sentence: the trouble in a sentence.
        next_step: what to do about it; never empty.
        at: when it happened.
        run_id: the run to look at; empty when there is none.
        last_success: when the table was last brought forward; `None` when never.
    """

    kind: AlertKind
    severity: Severity
    table: str
    cause: str
    sentence: str
    next_step: str
    at: datetime
    scope: str = ""
    run_id: str = ""
    last_success: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cleared:
    """What an alert was about is well now.

    Attributes:
        kinds: of alerts about the table that this ends.
        scope: ends only those of this scope.
    """

    kinds: tuple[AlertKind, ...]
    table: str
    at: datetime
    scope: str = ""
    run_id: str = ""


Observation = Alert | Cleared
