"""What the alert manager remembers, in the state store: where watchers stand, incidents, and the outbox.

Kept here and not in a sensor's cursor, which the daemon records only after the tick: what a tick saw, what it changed and
what is to be sent are one transaction, so a process that dies leaves either all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter
from sqlalchemy import Connection, Table, bindparam, delete, select, update

from dagster_pipeline.alerts.incident import Incident
from dagster_pipeline.alerts.message import Delivery
from dagster_pipeline.alerts.planner import Gust, Plan
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.state.database import Database
from dagster_pipeline.state.tables import alert_deliveries, alert_incidents, alert_marks

_INCIDENT = TypeAdapter(Incident)
_DELIVERY = TypeAdapter(Delivery)
_GUSTS = TypeAdapter(dict[int, Gust])
_ALONE = "alone"
_STORMS = "storms"
_KEPT = timedelta(days=30)

Change = Callable[[Mapping[str, Incident]], Mapping[str, Incident]]
Decide = Callable[[Mapping[str, Incident], Mapping[int, Gust]], Plan]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process alone may send now.

    Attributes:
        attempts: this one included.
        may_be_sent: an earlier process claimed it and ended without a word: it may have sent it.
        created_at: when it entered the outbox.
    """

    delivery: Delivery
    claim: str
    attempts: int
    may_be_sent: bool
    created_at: datetime


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)


class AlertStore:
    """One store, used as a context manager. Raises what the state store raises when it does not answer.

    Args:
        url: of the state store.
        clock: the present, with time zone.
    """

    def __init__(self, url: DatabaseUrl, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = Database(url, clock=clock)
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def mark(self, name: str) -> str | None:
        """What a watcher left behind; `None` at its first time."""
        with self._database.reading() as connection:
            return _mark(connection, name)

    def take(self, name: str, *, before: str | None, after: str, change: Change) -> bool:
        """Move a mark from `before` to `after` and change incidents, at once; false when another process was faster."""
        with self._alone() as connection:
            if _mark(connection, name) != before:
                return False
            self._put_mark(connection, name, after)
            self._put_incidents(connection, change(_incidents(connection)))
        return True

    def replan(self, decide: Decide) -> Plan:
        """Decide what is told now and put it into the outbox, at once. Writes nothing when nothing changes."""
        with self._database.reading() as connection:
            incidents, gusts = _incidents(connection), _gusts(connection)
        plan = decide(incidents, gusts)
        if not plan.deliveries and (plan.incidents, plan.gusts) == (incidents, gusts):
            return plan
        with self._alone() as connection:
            return self._replan(connection, decide)

    def _replan(self, connection: Connection, decide: Decide) -> Plan:
        before, gusts = _incidents(connection), _gusts(connection)
        plan = decide(before, gusts)
        changed = {key: each for key, each in plan.incidents.items() if each != before.get(key)}
        self._put_incidents(connection, changed)
        if over := before.keys() - plan.incidents.keys():
            gone = delete(alert_incidents).where(alert_incidents.c.incident_key == bindparam("gone"))
            connection.execute(gone, [{"gone": key} for key in over])
        if plan.gusts != gusts:
            storms = _GUSTS.dump_json(dict(plan.gusts)).decode()
            self._put_mark(connection, _STORMS, storms)
        for delivery in plan.deliveries:
            self._post(connection, delivery)
        return plan

    def claim(self, claim: str, *, seconds: float) -> Claimed | None:
        """The oldest delivery that is due, for this process alone until `seconds` are over; `None`: nothing is due."""
        now = self._clock()
        due = (alert_deliveries.c.status == "pending", alert_deliveries.c.not_before <= now)
        oldest = select(alert_deliveries).where(*due).order_by(alert_deliveries.c.created_at).limit(1)
        with self._database.reading() as connection:
            if connection.execute(oldest).one_or_none() is None:
                return None
        with self._alone() as connection:
            row = connection.execute(oldest).one_or_none()
            if row is None:
                return None
            delivery = _DELIVERY.validate_json(row.document)
            values = {
                "claim": claim,
                "not_before": now + timedelta(seconds=seconds),
                "attempts": row.attempts + 1,
            }
            connection.execute(update(alert_deliveries).where(*_is(delivery)).values(**values))
            return Claimed(delivery, claim, row.attempts + 1, bool(row.claim), row.created_at)

    def settle(self, claimed: Claimed, status: str) -> None:
        """The delivery has ended: `sent`, `stood_in` or `given_up`."""
        self._change(claimed, status=status, claim="")

    def postpone(self, claimed: Claimed, *, seconds: float) -> None:
        """The delivery failed for sure; try again after this time."""
        self._change(claimed, claim="", not_before=self._clock() + timedelta(seconds=seconds))

    def once(self, name: str, text: str) -> bool:
        """Whether this is the first time that `text` is said under `name`."""
        if self.mark(name) == text:
            return False
        with self._alone() as connection:
            if _mark(connection, name) == text:
                return False
            self._put_mark(connection, name, text)
        return True

    def prune(self) -> None:
        """Once a day, forget deliveries that ended a month ago."""
        now = self._clock()
        if self.once("pruned", f"{now:%Y-%m-%d}"):
            old = (alert_deliveries.c.status != "pending", alert_deliveries.c.created_at < now - _KEPT)
            with self._alone() as connection:
                connection.execute(delete(alert_deliveries).where(*old))

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A writing transaction that no other one of alerts runs beside: two ticks at once must not both tell."""
        with self._database.writing() as connection:
            self._put_mark(connection, _ALONE, "")
            yield connection

    def _put(self, connection: Connection, table: Table, *rows: dict[str, str]) -> None:
        """Insert or replace the documents of these rows."""
        if not rows:
            return
        statement = self._database.insert(table)
        keys = [column.name for column in table.primary_key]
        replacing = statement.on_conflict_do_update(
            index_elements=keys, set_={"document": statement.excluded.document}
        )
        connection.execute(replacing, list(rows))

    def _put_mark(self, connection: Connection, name: str, text: str) -> None:
        self._put(connection, alert_marks, {"mark_name": name, "document": text})

    def _put_incidents(self, connection: Connection, incidents: Mapping[str, Incident]) -> None:
        documents = {key: _INCIDENT.dump_json(incident).decode() for key, incident in incidents.items()}
        rows = ({"incident_key": key, "document": document} for key, document in documents.items())
        self._put(connection, alert_incidents, *rows)

    def _post(self, connection: Connection, delivery: Delivery) -> None:
        now = self._clock()
        statement = self._database.insert(alert_deliveries).values(
            message_id=delivery.message.message_id,
            channel=delivery.channel.value,
            document=_DELIVERY.dump_json(delivery).decode(),
            status="pending",
            attempts=0,
            created_at=now,
            not_before=now,
            claim="",
        )
        connection.execute(statement.on_conflict_do_nothing())

    def _change(self, claimed: Claimed, **values: Any) -> None:
        ours = (*_is(claimed.delivery), alert_deliveries.c.claim == claimed.claim)
        with self._database.writing() as connection:
            connection.execute(update(alert_deliveries).where(*ours).values(**values))


def _is(delivery: Delivery) -> tuple[Any, Any]:
    return (
        alert_deliveries.c.message_id == delivery.message.message_id,
        alert_deliveries.c.channel == delivery.channel.value,
    )


def _mark(connection: Connection, name: str) -> str | None:
    statement = select(alert_marks.c.document).where(alert_marks.c.mark_name == name)
    return connection.execute(statement).scalar_one_or_none()


def _incidents(connection: Connection) -> dict[str, Incident]:
    rows = connection.execute(select(alert_incidents)).all()
    return {row.incident_key: _INCIDENT.validate_json(row.document) for row in rows}


def _gusts(connection: Connection) -> dict[int, Gust]:
    return _GUSTS.validate_json(_mark(connection, _STORMS) or "{}")
