"""The shape and the meaning of `alerts.yml`: who is told, when it is quiet, what counts as a storm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from dagster_pipeline.alerts.alert import Alert, AlertKind, Channel, Severity
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.schema.duration import format_duration
from dagster_pipeline.schema.field_types import (
    Duration,
    FormatVersion,
    Group,
    Identifier,
    Model,
    Owner,
    TagName,
    TagValue,
    TimeZone,
)

_TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _time_of_day(value: Any) -> Any:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and re.fullmatch(_TIME_OF_DAY, value):
        return time.fromisoformat(value)
    raise ValueError(
        f"is '{str(value)[:20]}', which is no time of day.", 'Write hours and minutes in quotes, "22:00".'
    )


def _address(value: str) -> str:
    name, at, domain = value.rpartition("@")
    if not (name and at and domain) or any(letter.isspace() or letter in ',;<>"' for letter in value):
        raise ValueError(
            f"is '{value[:80]}', which is no e-mail address.", "Write one like data@example.com."
        )
    return value


def _slack_channel(value: str) -> str:
    if not value.startswith(("#", "C", "G", "D", "U")) or " " in value:
        raise ValueError(
            f"is '{value[:80]}', which is no Slack channel.", 'Write its name as "#name", or its ID.'
        )
    return value


def _some_time(value: timedelta) -> timedelta:
    if value < timedelta(minutes=1):
        raise ValueError(f"is {format_duration(value)}, which is too short.", "The shortest is 1m.")
    return value


TimeOfDay = Annotated[
    time, BeforeValidator(_time_of_day), WithJsonSchema({"type": "string", "pattern": _TIME_OF_DAY})
]
Wait = Annotated[Duration, AfterValidator(_some_time)]
EmailAddress = Annotated[str, AfterValidator(_address)]
SlackChannel = Annotated[str, AfterValidator(_slack_channel)]
Severities = Annotated[tuple[Annotated[Severity, Field(strict=False)], ...], Field(strict=False)]
Channels = Annotated[tuple[Annotated[Channel, Field(strict=False)], ...], Field(strict=False)]


class QuietHours(Model):
    """When nobody wants to be told; what happens meanwhile is told afterwards."""

    begin: TimeOfDay = Field(alias="from", description='First moment, e.g. "22:00".')
    end: TimeOfDay = Field(alias="to", description="First moment that is not quiet any more.")
    timezone: TimeZone = Field(default="UTC", description="IANA name of the zone in which both are meant.")
    let_through: Severities = Field(
        default=(Severity.CRITICAL,), description="Severities that are told at once all the same."
    )

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.begin == self.end:
            raise ValueError("begins and ends at the same time.", "Give it a length, or remove it.")
        return self

    def holds_back(self, severity: Severity, now: datetime) -> bool:
        """Whether a message of this severity waits at this moment, by the wall clock of the zone."""
        clock = now.astimezone(ZoneInfo(self.timezone)).time()
        over_midnight = self.begin > self.end
        quiet = (clock >= self.begin or clock < self.end) if over_midnight else self.begin <= clock < self.end
        return quiet and severity not in self.let_through


class Storm(Model):
    """From how many tables on single messages become one."""

    tables: int = Field(default=5, ge=2, le=1_000, description="That many tables are a storm.")
    within: Wait = Field(
        default=timedelta(minutes=10),
        description="Within this time; while a storm lasts, more tables of the same cause are told this often.",
    )


class Match(Model):
    """Which alerts a route takes: all that is given must hold, and of a list one."""

    severity: Severities = Field(default=(), description="info, warning, error or critical.")
    kind: Annotated[tuple[Annotated[AlertKind, Field(strict=False)], ...], Field(strict=False)] = Field(
        default=(), description="What happened."
    )
    tables: Annotated[tuple[Identifier, ...], Field(strict=False)] = Field(
        default=(), description="database/table, * for any letters."
    )
    tags: dict[TagName, TagValue] = Field(default_factory=dict, description="Tags that the table has.")
    owners: Annotated[tuple[Owner, ...], Field(strict=False)] = Field(
        default=(), description="One of them owns the table."
    )
    groups: Annotated[tuple[Group, ...], Field(strict=False)] = Field(
        default=(), description="The table is in one of these groups."
    )

    @property
    def takes_all(self) -> bool:
        """Nothing is asked for."""
        return self == Match()

    def takes(self, alert: Alert, table: WatchedTable) -> bool:
        """Whether the alert is one of these."""
        return (
            (not self.severity or alert.severity in self.severity)
            and (not self.kind or alert.kind in self.kind)
            and (not self.tables or any(fnmatchcase(alert.table, pattern) for pattern in self.tables))
            and all(table.tags.get(name) == value for name, value in self.tags.items())
            and (not self.owners or not set(self.owners).isdisjoint(table.owners))
            and (not self.groups or table.group in self.groups)
        )


class Recipients(Model):
    """Where messages go."""

    send_to: Channels = Field(description="slack, email or both; an empty list tells nobody.")
    slack_channel: SlackChannel | None = Field(
        default=None, description="Instead of SLACK_CHANNEL; needs SLACK_BOT_TOKEN."
    )
    email_to: Annotated[tuple[EmailAddress, ...], Field(strict=False)] = Field(
        default=(), description="Instead of ALERT_EMAIL_TO."
    )


class Escalation(Recipients):
    """Who else is told when a table stays red."""

    after: Wait = Field(description="How long it may stay red, e.g. 2h.")


class Route(Recipients):
    """One rule: these alerts go there. The first route that takes an alert is the only one."""

    name: Identifier | None = Field(default=None, description="For people; not otherwise used.")
    match: Match = Field(default=Match(), description="Which alerts; all when it is left out.")
    quiet_hours: QuietHours | None = Field(
        default=None, description="Of this route, instead of the file's own."
    )
    escalate: Escalation | None = Field(default=None, description="Of this route, instead of the file's own.")


def _everybody() -> tuple[Route, ...]:
    return (Route(send_to=(Channel.SLACK, Channel.EMAIL)),)


class AlertRules(Model):
    """`alerts.yml`."""

    described_as: ClassVar[str] = "alerts.yml"

    version: FormatVersion = Field(default=1, description="Version of the file format.")
    repeat_after: Wait = Field(
        default=timedelta(hours=1),
        description="The same table and cause is told again after this time, with a count.",
    )
    repeated_failures: int = Field(
        default=3, ge=2, le=100, description="That many failed runs in a row are a critical alert."
    )
    storm: Storm = Field(default=Storm(), description="When many tables fail at once.")
    quiet_hours: QuietHours | None = Field(default=None, description="When nobody wants to be told.")
    escalate: Escalation | None = Field(default=None, description="Who else is told when a table stays red.")
    routes: Annotated[tuple[Route, ...], Field(strict=False, min_length=1)] = Field(
        default_factory=_everybody, description="Who is told what; the first that takes an alert counts."
    )

    def route(self, alert: Alert, tables: Mapping[str, WatchedTable]) -> int | None:
        """Number of the route that takes the alert; `None` when none does."""
        table = tables.get(alert.table, WatchedTable(alert.table))
        for number, route in enumerate(self.routes):
            if route.match.takes(alert, table):
                return number
        return None

    def quiet_hours_of(self, route: int) -> QuietHours | None:
        """The route's own quiet hours, or the file's."""
        return self.routes[route].quiet_hours or self.quiet_hours

    def escalation_of(self, route: int) -> Escalation | None:
        """The route's own escalation, or the file's."""
        return self.routes[route].escalate or self.escalate
