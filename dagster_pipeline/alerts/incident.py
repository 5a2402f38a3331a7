"""One thing that is wrong with one table, from the first alert until it is well: pure steps from one state to the next.

An incident remembers what people still have to be told (`pending`) and what they were told, so that the same cause is not
told twice within the hour. When and to whom a message goes is decided in `planner`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from dagster_pipeline.alerts.alert import Alert, AlertKind, Cleared, Observation
from dagster_pipeline.alerts.rules import AlertRules

FAILURES = (AlertKind.RUN_FAILURE,)
FORGOTTEN = timedelta(days=30)
"""An incident without news for so long is of a table that is loaded no more."""


class Reason(StrEnum):
    """Why people are to be told."""

    NEW = "new"
    AGAIN = "again"
    REPEATED = "repeated"
    ESCALATION = "escalation"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause within an incident.

    Attributes:
        alert: the newest of this cause.
        told_at: when people were last told of it; `None`: not yet.
        untold: how often it occurred since.
    """

    alert: Alert
    told_at: datetime | None = None
    untold: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """Something to be told, as it was when it came up.

    Attributes:
        since: when it came up.
        alert: what it is about.
        times: occurrences that it stands for.
    """

    reason: Reason
    since: datetime
    alert: Alert
    times: int = 1


@dataclass(frozen=True, slots=True)
class Incident:
    """What is wrong with a table in one respect.

    Attributes:
        alert: the newest.
        opened_at: when the first alert came.
        occurrences: alerts since then; of run failures, failed runs in a row.
        causes: what was told, by cause.
        pending: what is still to be told.
        told_routes: numbers of the routes that were told; a recovery goes there.
        escalated: the escalation was asked for.
        cleared_at: when it was well again; the incident ends when that was told.
    """

    alert: Alert
    opened_at: datetime
    occurrences: int = 0
    causes: Mapping[str, Cause] = field(default_factory=dict)
    pending: tuple[Pending, ...] = ()
    told_routes: tuple[int, ...] = ()
    escalated: bool = False
    cleared_at: datetime | None = None

    @property
    def key(self) -> str:
        """What tells incidents apart."""
        return incident_key(self.alert)

    def is_over(self, rules: AlertRules, *, now: datetime) -> bool:
        """Well again, nothing left to tell, and so long ago that the same cause would be news. Or forgotten by all."""
        if self.cleared_at is None or self.pending:
            return not self.pending and now - self.alert.at > FORGOTTEN
        return all(
            not cause.untold and (cause.told_at is None or now - cause.told_at >= rules.repeat_after)
            for cause in self.causes.values()
        )


def incident_key(alert: Alert) -> str:
    """The incident that an alert belongs to. A check that fails and one that cannot be asked are one incident."""
    kind = AlertKind.FAILED_CHECK if alert.kind is AlertKind.ERRORED_CHECK else alert.kind
    return "|".join((kind, alert.table, alert.scope))


def observe(
    incidents: Mapping[str, Incident], observation: Observation, rules: AlertRules, *, now: datetime
) -> dict[str, Incident]:
    """The incidents that change by one observation, by key."""
    if isinstance(observation, Cleared):
        return _clear(incidents, observation, now=now)
    key = incident_key(observation)
    known = incidents.get(key)
    if known is None:
        fresh = _occurred(Incident(observation, observation.at), observation, rules, now=now)
        # A straggler: the table was brought forward since, so it is told as over and nothing will clear it later.
        success = observation.last_success if observation.kind in FAILURES else None
        return {key: replace(fresh, cleared_at=success) if success and success > observation.at else fresh}
    if known.cleared_at is not None:
        if observation.at <= known.cleared_at:  # older than the recovery, which is known
            return {}
        known = replace(known, opened_at=observation.at, occurrences=0, escalated=False, cleared_at=None)
    return {key: _occurred(known, observation, rules, now=now)}


def grow_older(incident: Incident, rules: AlertRules, route: int | None, *, now: datetime) -> Incident:
    """What the mere passing of time adds: reminders with a count, and escalation."""
    escalation = None if route is None or incident.cleared_at else rules.escalation_of(route)
    if escalation and not incident.escalated and now - incident.opened_at >= escalation.after:
        due = Pending(Reason.ESCALATION, now, incident.alert, incident.occurrences)
        incident = replace(incident, escalated=True, pending=(*incident.pending, due))
    return _remind(incident, rules, now=now)


def told(incident: Incident, pending: Pending, route: int | None, *, now: datetime) -> Incident:
    """People were told of `pending`: it leaves the list, and the hour of its cause begins anew."""
    rest = tuple(each for each in incident.pending if each != pending)
    causes, routes = dict(incident.causes), set(incident.told_routes)
    if pending.reason is Reason.RECOVERY:
        routes = set()
    elif pending.reason is not Reason.ESCALATION:
        causes[pending.alert.cause] = Cause(pending.alert, told_at=now)
        routes |= set() if route is None else {route}
    return replace(incident, pending=rest, causes=causes, told_routes=tuple(sorted(routes)))


def _occurred(incident: Incident, alert: Alert, rules: AlertRules, *, now: datetime) -> Incident:
    occurrences = incident.occurrences + 1
    causes, pending = dict(incident.causes), incident.pending
    cause = replace(causes.get(alert.cause, Cause(alert)), alert=alert)
    waits = any(each.alert.cause == alert.cause and each.reason is not Reason.RECOVERY for each in pending)
    if waits or (cause.told_at is not None and now - cause.told_at < rules.repeat_after):
        causes[alert.cause] = replace(cause, untold=cause.untold + 1)
    else:  # never told, or so long ago that it is news again, with a count when there is one
        causes[alert.cause] = cause
        reason = Reason.AGAIN if cause.told_at else Reason.NEW
        pending = (*pending, Pending(reason, now, alert, cause.untold + 1))
    if alert.kind in FAILURES and occurrences == rules.repeated_failures:
        pending = (*pending, Pending(Reason.REPEATED, now, alert, occurrences))
    return replace(incident, alert=alert, occurrences=occurrences, causes=causes, pending=pending)


def _remind(incident: Incident, rules: AlertRules, *, now: datetime) -> Incident:
    """Ask for a reminder of each cause that was told long enough ago and has occurred since."""
    waiting = {each.alert.cause for each in incident.pending if each.reason is not Reason.RECOVERY}
    due = tuple(
        Pending(Reason.AGAIN, now, cause.alert, cause.untold)
        for name, cause in incident.causes.items()
        if cause.untold
        and name not in waiting
        and cause.told_at is not None
        and now - cause.told_at >= rules.repeat_after
    )
    return replace(incident, pending=(*incident.pending, *due)) if due else incident


def _clear(incidents: Mapping[str, Incident], cleared: Cleared, *, now: datetime) -> dict[str, Incident]:
    changed = {}
    for kind in cleared.kinds:
        key = "|".join((kind, cleared.table, cleared.scope))
        known = incidents.get(key)
        if known is None or known.cleared_at is not None or cleared.at < known.alert.at:
            continue
        well = replace(known, cleared_at=cleared.at)
        if known.told_routes:
            # What was told ends with a note; reminders of it are void. What was never told still is, as over.
            news = tuple(each for each in known.pending if each.reason is Reason.NEW)
            note = Pending(Reason.RECOVERY, now, known.alert, known.occurrences)
            well = replace(well, pending=(*news, note))
        changed[key] = well
    return changed
