"""An alert manager over a real store in a temporary file, with a clock that tests set and channels that keep what they get."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster_pipeline.alerts.alert import Alert, AlertKind, Channel, Cleared, Observation, Severity
from dagster_pipeline.alerts.alert_manager import AlertManager, Delivered
from dagster_pipeline.alerts.alert_store import AlertStore
from dagster_pipeline.alerts.message import Delivery
from dagster_pipeline.alerts.notifier import Notifier, NotifierError
from dagster_pipeline.alerts.rules import AlertRules
from dagster_pipeline.alerts.watched_table import WatchedTable, by_name
from dagster_pipeline.alerts.wording import Wording
from dagster_pipeline.database_url import DatabaseUrl

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WATCHER = "test"


class Inbox(Notifier):
    """A channel that keeps what it is sent, or refuses it."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []
        self.broken = False

    def send(self, delivery: Delivery) -> None:
        if self.broken:
            raise NotifierError("The channel is broken.", todo="Mend it.")
        self.got.append(delivery)

    @property
    def titles(self) -> list[str]:
        return [delivery.message.title for delivery in self.got]


def rules(**given: object) -> AlertRules:
    """Rules as a file would give them; everything to Slack unless told otherwise."""
    return AlertRules.model_validate({"routes": [{"send_to": ["slack"]}], **given})


@dataclass
class House:
    """Everything that a story about alerts needs."""

    path: Path
    rules: AlertRules = field(default_factory=rules)
    tables: tuple[WatchedTable, ...] = ()
    now: datetime = NOON
    slack: Inbox = field(default_factory=Inbox)
    email: Inbox = field(default_factory=Inbox)
    seen: int = 0

    def store(self) -> AlertStore:
        url = DatabaseUrl.parse(f"sqlite:///{self.path}", variable="STATE_URL", schemes=())
        return AlertStore(url, clock=lambda: self.now)

    def manager(self, store: AlertStore) -> AlertManager:
        tables = by_name(self.tables)
        wording = Wording(tables, webserver="http://dagster.example.com")
        return AlertManager(store, self.rules, tables=tables, wording=wording, clock=lambda: self.now)

    @property
    def notifiers(self) -> dict[Channel, Notifier]:
        return {Channel.SLACK: self.slack, Channel.EMAIL: self.email}

    def happens(self, *observations: Observation) -> None:
        """A watcher's tick and a sender's, as two processes that share only the store."""
        with self.store() as store:
            before = store.mark(WATCHER)
            self.seen += 1
            assert self.manager(store).take(
                WATCHER, before=before, after=str(self.seen), observations=observations
            )
        self.tick()

    def tick(self) -> Delivered:
        with self.store() as store:
            manager = self.manager(store)
            manager.plan()
            return manager.deliver(self.notifiers, seconds=5)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def fails(self, *tables: str, cause: str = "The warehouse does not answer.", **facts: object) -> None:
        self.happens(*(self.failure(table, cause=cause, **facts) for table in tables))

    def failure(self, table: str, *, cause: str = "The warehouse does not answer.", **facts: object) -> Alert:
        given = {"kind": AlertKind.RUN_FAILURE, "severity": Severity.ERROR, **facts}
        return Alert(
            table=table,
            cause=cause,
            sentence=f"{table}: {cause}",
            next_step="Start the warehouse.",
            at=self.now,
            run_id="0123456789abcdef",
            **given,  # type: ignore[arg-type]  # each test gives the right ones
        )

    def succeeds(self, *tables: str) -> None:
        kinds = (AlertKind.RUN_FAILURE, AlertKind.LATE)
        self.happens(*(Cleared(kinds, table, self.now) for table in tables))
