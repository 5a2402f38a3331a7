"""The words of messages: from alerts to titles, sentences and facts that a person understands at 3 a.m. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from dagster_pipeline.alerts.alert import Alert, AlertKind, Severity
from dagster_pipeline.alerts.incident import Incident, Pending, Reason
from dagster_pipeline.alerts.message import Fact, Part
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.schema.duration import format_duration

MOST_TABLES = 30
_HAPPENED = {
    AlertKind.RUN_FAILURE: "run failed",
    AlertKind.FAILED_CHECK: "check failed",
    AlertKind.ERRORED_CHECK: "check could not be made",
    AlertKind.LATE: "is late",
    AlertKind.SCHEMA_DRIFT: "source has drifted",
    AlertKind.REPEATED_FAILURE: "keeps failing",
    AlertKind.RECOVERY: "is well again",
}

Told = tuple[Incident, Pending]


class Wording:
    """Writes messages.

    Args:
        tables: what is known of tables, by name.
        webserver: address of Dagster's UI, for links; empty gives none.
    """

    def __init__(self, tables: Mapping[str, WatchedTable], *, webserver: str = "") -> None:
        self._tables = tables
        self._webserver = webserver.rstrip("/")

    def title(self, incident: Incident, pending: Pending) -> str:
        """One table's headline."""
        alert = pending.alert
        scope = f" {alert.scope}" if alert.scope else ""
        if pending.reason is Reason.RECOVERY:
            return f"{alert.table}{scope} is well again"
        if pending.reason is Reason.REPEATED:
            return f"{alert.table} failed {pending.times} times in a row"
        if pending.reason is Reason.ESCALATION:
            red = format_duration(_whole_minutes(pending.since - incident.opened_at))
            return f"{alert.table}{scope} has been red for {red}"
        again = f" again ({_times(pending.times)})" if pending.reason is Reason.AGAIN else ""
        happened = _HAPPENED[alert.kind]
        if alert.scope:
            happened = happened.replace("check", f"check {alert.scope}")
        return f"{alert.table}: {happened}{again}"

    def single(self, incident: Incident, pending: Pending) -> tuple[Part, ...]:
        """Everything about one table."""
        return (self._part(incident, pending),)

    def _part(self, incident: Incident, pending: Pending) -> Part:
        alert = pending.alert
        if pending.reason is Reason.RECOVERY:
            well_at = incident.cleared_at or pending.since
            red = format_duration(_whole_minutes(well_at - incident.opened_at))
            runs = f" {_times(pending.times)}" if alert.kind is AlertKind.RUN_FAILURE else ""
            sentence = f"It had been red for {red}: {_HAPPENED[alert.kind]}{runs}. {alert.sentence}"
            return Part(sentence, facts=(self._owner(alert), *self._run(alert)))
        return Part(
            f"{alert.sentence}{_meanwhile(incident)}",
            alert.next_step,
            (
                Fact("Table", alert.table, self._asset_link(alert)),
                Fact("Last success", _moment(alert.last_success) if alert.last_success else "never"),
                self._owner(alert),
                *self._run(alert),
            ),
        )

    def digest(self, told: Sequence[Told]) -> tuple[Part, ...]:
        """Many tables, by their causes; the cause of the most tables comes first."""
        by_cause = sorted(told, key=lambda each: each[1].alert.cause)
        groups = [list(group) for _, group in groupby(by_cause, key=lambda each: each[1].alert.cause)]
        return tuple(self._group(group) for group in sorted(groups, key=len, reverse=True))

    def digest_title(self, told: Sequence[Told]) -> str:
        """The headline of many tables; it names the common cause when there is one."""
        tables = len({pending.alert.table for _, pending in told})
        reasons = {pending.reason for _, pending in told}
        if reasons == {Reason.RECOVERY}:
            return f"{tables} tables are well again"
        if reasons == {Reason.ESCALATION}:
            return f"{tables} tables stay red"
        kinds = {pending.alert.kind for _, pending in told}
        what = "are late" if kinds == {AlertKind.LATE} else "need attention"
        what = "fail" if kinds == {AlertKind.RUN_FAILURE} else what
        causes = {pending.alert.cause for _, pending in told}
        common = (
            f", one cause: {shortened(causes.pop(), 120)}" if len(causes) == 1 else f", {len(causes)} causes"
        )
        return f"{tables} tables {what}{common}"

    def _group(self, told: Sequence[Told]) -> Part:
        incident, pending = told[0]
        alert = pending.alert
        names = [self._line(each, each_pending) for each, each_pending in told[:MOST_TABLES]]
        if len(told) > MOST_TABLES:
            names.append(f"and {len(told) - MOST_TABLES} more")
        if pending.reason is Reason.RECOVERY:
            return Part(f"Was: {alert.cause}", tables=tuple(names))
        if len(told) == 1:
            return self._part(incident, pending)
        count = len({each.alert.table for _, each in told})
        return Part(
            f"{count} tables: {alert.cause}", alert.next_step, self._run(alert, "A run"), tables=tuple(names)
        )

    def _line(self, incident: Incident, pending: Pending) -> str:
        alert = pending.alert
        scope = f", check {alert.scope}" if alert.scope else ""
        times = f", {_times(pending.times)}" if pending.times > 1 else ""
        last = _moment(alert.last_success) if alert.last_success else "never"
        return (
            f"{alert.table}{scope}{times} (last success {last}; {self._owners(alert)}){_meanwhile(incident)}"
        )

    def _owners(self, alert: Alert) -> str:
        table = self._tables.get(alert.table)
        return ", ".join(table.owners) if table and table.owners else "no owner"

    def _owner(self, alert: Alert) -> Fact:
        return Fact("Owner", self._owners(alert))

    def _run(self, alert: Alert, label: str = "Run") -> tuple[Fact, ...]:
        if not alert.run_id:
            return ()
        link = f"{self._webserver}/runs/{alert.run_id}" if self._webserver else ""
        return (Fact(label, alert.run_id[:8], link),)

    def _asset_link(self, alert: Alert) -> str:
        known = alert.table in self._tables and self._webserver
        return f"{self._webserver}/assets/{alert.table}" if known else ""


def worst(told: Sequence[Told]) -> Severity:
    """The severity of a message about all of these."""
    return max((severity_of(pending) for _, pending in told), key=lambda severity: severity.rank)


def severity_of(pending: Pending) -> Severity:
    """How loud one thing is told: good news softly, what repeats or stays red loudly."""
    if pending.reason is Reason.RECOVERY:
        return Severity.INFO
    if pending.reason in {Reason.REPEATED, Reason.ESCALATION}:
        return Severity.CRITICAL
    return pending.alert.severity


def shortened(text: str, length: int) -> str:
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _meanwhile(incident: Incident) -> str:
    return f" It is well again since {_moment(incident.cleared_at)}." if incident.cleared_at else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _whole_minutes(span: timedelta) -> timedelta:
    return timedelta(minutes=max(1, round(span.total_seconds() / 60)))
