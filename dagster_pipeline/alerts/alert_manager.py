"""Takes what watchers saw, decides who is told what, and sees it out of the door.

Three steps, each safe to be killed in: `take` (what was seen and how far, one transaction), `plan` (what is told, one
transaction into the outbox), `deliver` (claim, send, record). A message is sent at least once: only a process that is killed
between the channel's "yes" and its record leaves it to be sent again, under the same id and with a note that says so.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dagster_pipeline.alerts.alert import Alert, AlertKind, Channel, Observation
from dagster_pipeline.alerts.alert_store import AlertStore, Claimed, utc_now
from dagster_pipeline.alerts.incident import Incident, observe
from dagster_pipeline.alerts.message import Delivery
from dagster_pipeline.alerts.notifier import Notifier, NotifierError
from dagster_pipeline.alerts.planner import Plan, plan
from dagster_pipeline.alerts.rules import AlertRules
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.alerts.wording import Wording

CLAIM_SECONDS = 60.0
_FIRST_WAIT, _LONGEST_WAIT = 15.0, 900.0
_GIVE_UP = timedelta(hours=24)
_SENT, _STOOD_IN, _GIVEN_UP = "sent", "stood_in", "given_up"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round of sending did.

    Attributes:
        sent: messages that a channel took.
        problems: what went wrong, a sentence each.
    """

    sent: int
    problems: tuple[str, ...]


class AlertManager:
    """Alerts of one code location.

    Args:
        store: remembers; open as long as this is used.
        rules: of `alerts.yml`.
        tables: by name.
        wording: writes the messages.
        clock: the present, with time zone.
    """

    def __init__(
        self,
        store: AlertStore,
        rules: AlertRules,
        *,
        tables: Mapping[str, WatchedTable],
        wording: Wording,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._rules = rules
        self._tables = tables
        self._wording = wording
        self._clock = clock

    def take(
        self, watcher: str, *, before: str | None, after: str, observations: Iterable[Observation]
    ) -> bool:
        """Note what a watcher saw and how far it came; false when another process noted it first."""
        in_order = sorted(observations, key=lambda observation: observation.at)
        if not in_order and after == before:
            return True

        def change(incidents: Mapping[str, Incident]) -> Mapping[str, Incident]:
            known, changed = dict(incidents), dict[str, Incident]()
            for observation in in_order:
                if not _is_said_already(observation, known):
                    step = observe(known, observation, self._rules, now=self._clock())
                    known |= step
                    changed |= step
            return changed

        return self._store.take(watcher, before=before, after=after, change=change)

    def plan(self) -> Plan:
        """Decide what is told now and put it into the outbox."""
        return self._store.replan(
            lambda incidents, gusts: plan(
                incidents,
                gusts,
                rules=self._rules,
                tables=self._tables,
                wording=self._wording,
                now=self._clock(),
            )
        )

    def deliver(self, notifiers: Mapping[Channel, Notifier], *, seconds: float) -> Delivered:
        """Send what is due; nothing new is begun when `seconds` are over. Never raises for a channel."""
        deadline = time.monotonic() + seconds
        working = dict(notifiers)
        sent, problems = 0, list[str]()
        while time.monotonic() < deadline:
            claimed = self._store.claim(uuid.uuid4().hex, seconds=CLAIM_SECONDS)
            if claimed is None:
                break
            went_out, said = self._send(claimed, notifiers, working)
            problems += said
            sent += went_out
        return Delivered(sent, tuple(dict.fromkeys(problems)))

    def _send(
        self, claimed: Claimed, notifiers: Mapping[Channel, Notifier], working: dict[Channel, Notifier]
    ) -> tuple[bool, list[str]]:
        """Send one delivery by its channel, or by the other one; returns whether it went out, and what went wrong."""
        delivery, problems, wait = _repeated(claimed), list[str](), 0.0
        for channel in _ways(delivery, notifiers):
            if channel not in working:  # it failed a moment ago
                continue
            noted = delivery if channel is delivery.channel else _standing_in(delivery, channel)
            try:
                working[channel].send(noted)
            except NotifierError as error:
                del working[channel]
                problems.append(str(error))
                wait = max(wait, error.wait_seconds)
            else:
                self._store.settle(claimed, _SENT if channel is delivery.channel else _STOOD_IN)
                return True, problems
        return False, [*problems, *self._not_sent(claimed, notifiers, wait)]

    def _not_sent(self, claimed: Claimed, notifiers: Mapping[Channel, Notifier], wait: float) -> list[str]:
        message = claimed.delivery.message
        if claimed.delivery.channel not in notifiers and not claimed.delivery.alone:
            self._store.settle(claimed, _GIVEN_UP)  # its other channel has it, and this one is off
            return []
        if not notifiers or self._clock() - claimed.created_at > _GIVE_UP:
            self._store.settle(claimed, _GIVEN_UP)
            return [f"{message.message_id} was told nobody: {message.title}"]
        backoff = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (claimed.attempts - 1))
        self._store.postpone(claimed, seconds=max(wait, backoff))
        return [f"{message.message_id} waits for a channel: {message.title}"]


def _is_said_already(observation: Observation, incidents: Mapping[str, Incident]) -> bool:
    """A table that is late because its runs fail has been told as failing."""
    if not isinstance(observation, Alert) or observation.kind is not AlertKind.LATE:
        return False
    failing = incidents.get(f"{AlertKind.RUN_FAILURE}|{observation.table}|")
    return failing is not None and failing.cleared_at is None


def _ways(delivery: Delivery, notifiers: Mapping[Channel, Notifier]) -> list[Channel]:
    """The channel itself; the other one when it does not get the message anyway."""
    others = [channel for channel in notifiers if channel is not delivery.channel] if delivery.alone else []
    return [channel for channel in (delivery.channel, *others) if channel in notifiers]


def _standing_in(delivery: Delivery, channel: Channel) -> Delivery:
    note = f"Sent by {channel}, since {delivery.channel} did not take it."
    message = replace(delivery.message, notes=(*delivery.message.notes, note))
    return replace(delivery, message=message)


def _repeated(claimed: Claimed) -> Delivery:
    if not claimed.may_be_sent:
        return claimed.delivery
    note = "This may be a repetition: the process that sent it first was killed before it could say so."
    message = replace(claimed.delivery.message, notes=(*claimed.delivery.message.notes, note))
    return replace(claimed.delivery, message=message)
