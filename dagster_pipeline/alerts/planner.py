"""From what is pending to messages: who is told what now, what waits for the end of quiet hours, what becomes a digest.

Pure. A storm is told as follows: the first tables singly, until so many came within the storm's time that the next ones
go into one message, by cause; tables that follow with a cause that was told are collected until the time is over.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from dagster_pipeline.alerts.alert import AlertKind
from dagster_pipeline.alerts.incident import Incident, Pending, Reason, grow_older, told
from dagster_pipeline.alerts.message import Delivery, Message
from dagster_pipeline.alerts.rules import AlertRules, Recipients
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.alerts.wording import Told, Wording, severity_of, worst


@dataclass(frozen=True, slots=True)
class Gust:
    """What was told on one route lately, to know a storm by.

    Attributes:
        singles: when, table by table.
        digest_at: when many were last told at once.
        causes: told since the storm began.
    """

    singles: tuple[datetime, ...] = ()
    digest_at: datetime | None = None
    causes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        incidents: as they stand after the messages went into the outbox; those that are over are left out.
        gusts: by route number.
        deliveries: for the outbox.
        unheard: what no route takes, as titles.
    """

    incidents: Mapping[str, Incident]
    gusts: Mapping[int, Gust]
    deliveries: tuple[Delivery, ...] = ()
    unheard: tuple[str, ...] = ()


@dataclass(slots=True)
class _Draft:
    """One plan in the making."""

    rules: AlertRules
    wording: Wording
    now: datetime
    incidents: dict[str, Incident]
    deliveries: list[Delivery] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)

    def tell(self, batch: Sequence[Told], to: Recipients, route: int) -> None:
        """Put one message about all of these into the outbox."""
        if not batch:
            return
        incident, pending = batch[0]
        if len(batch) == 1:
            title, parts = self.wording.title(incident, pending), self.wording.single(incident, pending)
        else:
            title, parts = self.wording.digest_title(batch), self.wording.digest(batch)
        message = Message(_name(batch, route), worst(batch), title, parts, self.now)
        channels = tuple(dict.fromkeys(to.send_to))
        self.deliveries += (
            Delivery(message, channel, to.slack_channel or "", to.email_to, alone=len(channels) == 1)
            for channel in channels
        )
        self.mark(batch, route if channels else None)

    def mark(self, batch: Iterable[Told], route: int | None) -> None:
        """These were told."""
        for incident, pending in batch:
            self.incidents[incident.key] = told(self.incidents[incident.key], pending, route, now=self.now)


def _name(batch: Sequence[Told], route: int) -> str:
    """The message's id: another one for anything else that is told, or told elsewhere."""
    facts = [
        (incident.key, pending.reason, pending.since, pending.alert.cause, pending.alert.run_id)
        for incident, pending in batch
    ]
    words = "|".join(sorted(" ".join(map(str, each)) for each in facts))
    return f"A-{hashlib.sha256(f'{route} {words}'.encode()).hexdigest()[:10]}"


def plan(
    incidents: Mapping[str, Incident],
    gusts: Mapping[int, Gust],
    *,
    rules: AlertRules,
    tables: Mapping[str, WatchedTable],
    wording: Wording,
    now: datetime,
) -> Plan:
    """Decide what is told now."""
    by_route: dict[int | None, list[Told]] = defaultdict(list)
    draft = _Draft(rules, wording, now, {})
    for key, known in incidents.items():
        aged = grow_older(known, rules, rules.route(known.alert, tables), now=now)
        draft.incidents[key] = aged
        for pending in _worth_telling(aged, draft):
            for route in _routes(aged, pending, rules, tables):
                by_route[route].append((draft.incidents[key], pending))
    unrouted = by_route.pop(None, [])
    draft.unheard += (wording.title(*each) for each in unrouted)
    draft.mark(unrouted, None)
    changed = {
        route: _tell_route(draft, route, batch, gusts.get(route, Gust()))
        for route, batch in by_route.items()
        if route is not None
    }
    kept = {key: each for key, each in draft.incidents.items() if not each.is_over(rules, now=now)}
    return Plan(kept, {**gusts, **changed}, tuple(draft.deliveries), tuple(draft.unheard))


def _worth_telling(incident: Incident, draft: _Draft) -> list[Pending]:
    """What is pending, without what another entry says as well: many failures in a row say that one failed."""
    repeated = [each for each in incident.pending if each.reason is Reason.REPEATED]
    if not repeated:
        return list(incident.pending)
    said = [
        each
        for each in incident.pending
        if each.reason in {Reason.NEW, Reason.AGAIN} and each.alert.cause == repeated[-1].alert.cause
    ]
    for each in said:
        draft.incidents[incident.key] = told(draft.incidents[incident.key], each, None, now=draft.now)
    return [each for each in incident.pending if each not in said]


def _routes(
    incident: Incident, pending: Pending, rules: AlertRules, tables: Mapping[str, WatchedTable]
) -> list[int | None]:
    """Where one thing goes. A recovery goes where the trouble was told."""
    if pending.reason is Reason.RECOVERY:
        known = [route for route in incident.told_routes if route < len(rules.routes)]
        return list(known) or [rules.route(pending.alert, tables)]
    kind = AlertKind.REPEATED_FAILURE if pending.reason is Reason.REPEATED else pending.alert.kind
    return [rules.route(replace(pending.alert, severity=severity_of(pending), kind=kind), tables)]


def _tell_route(draft: _Draft, number: int, batch: Sequence[Told], gust: Gust) -> Gust:
    """Tell what may be told on one route now; returns what it then knows of storms."""
    rules, now, route = draft.rules, draft.now, draft.rules.routes[number]
    quiet = rules.quiet_hours_of(number)
    loud = [each for each in batch if quiet is None or not quiet.holds_back(severity_of(each[1]), now)]
    gust = _aged(gust, rules, now)
    good = [each for each in loud if each[1].reason is Reason.RECOVERY]
    reds = [each for each in loud if each[1].reason is Reason.ESCALATION]
    escalation = rules.escalation_of(number)
    if escalation is None:  # the rule was taken away meanwhile
        draft.mark(reds, None)
    else:
        draft.tell(reds, escalation, number)
    if gust.digest_at is None or _oldest(good, now) * 2 >= rules.storm.within.total_seconds():
        draft.tell(good, route, number)
    bad = [each for each in loud if each[1].reason not in {Reason.RECOVERY, Reason.ESCALATION}]
    return _tell_bad(draft, number, bad, gust)


def _tell_bad(draft: _Draft, number: int, bad: Sequence[Told], gust: Gust) -> Gust:
    rules, now, route = draft.rules, draft.now, draft.rules.routes[number]
    tables = len({pending.alert.table for _, pending in bad})
    if tables + len(gust.singles) < rules.storm.tables:
        for each in bad:
            draft.tell([each], route, number)
        return replace(gust, singles=(*gust.singles, *[now] * tables))
    due = gust.digest_at is None or now - gust.digest_at >= rules.storm.within
    fresh = [each for each in bad if due or each[1].alert.cause not in gust.causes]
    if not fresh:
        return gust
    draft.tell(fresh, route, number)
    causes = gust.causes | {pending.alert.cause for _, pending in fresh}
    told_now = (now,) * len({pending.alert.table for _, pending in fresh})
    return Gust((*gust.singles, *told_now), now if due else gust.digest_at, causes)


def _aged(gust: Gust, rules: AlertRules, now: datetime) -> Gust:
    """Without what is older than the storm's time; a storm without news has passed."""
    singles = tuple(at for at in gust.singles if now - at < rules.storm.within)
    over = gust.digest_at is not None and now - gust.digest_at >= rules.storm.within and not singles
    return Gust(singles) if over else replace(gust, singles=singles)


def _oldest(batch: Sequence[Told], now: datetime) -> float:
    """Seconds that the first of these has waited."""
    return max(((now - pending.since).total_seconds() for _, pending in batch), default=0.0)
