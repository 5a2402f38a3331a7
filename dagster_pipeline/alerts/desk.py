"""What the sensors' ticks do: read what happened, and hand it to the alert manager.

Imported by the first tick: a process that runs a table has sensors among its definitions, and never evaluates one.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg
from pydantic import TypeAdapter

from dagster_pipeline.alerts.alert_manager import AlertManager
from dagster_pipeline.alerts.alert_store import AlertStore, utc_now
from dagster_pipeline.alerts.channels import open_channels
from dagster_pipeline.alerts.dagster_runs import (
    Position,
    ended_runs,
    failures_so_far,
    last_successes,
    read_position,
    write_position,
)
from dagster_pipeline.alerts.lateness import LatenessMark, look, suspects
from dagster_pipeline.alerts.rules import AlertRules
from dagster_pipeline.alerts.run_report import RunReader, RunReport
from dagster_pipeline.alerts.scrubber import Scrubber
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.alerts.wording import Wording
from dagster_pipeline.settings import Settings

READING_BUDGET, SENDING_BUDGET = 1.0, 1.0
"""Seconds after which a tick begins nothing new; what is left is the next tick's."""

_MARK = TypeAdapter(LatenessMark)


@dataclass(frozen=True)
class AlertDesk:
    """What the sensors share: rules and tables, as the files had them when the location was loaded."""

    rules: AlertRules
    tables: Mapping[str, WatchedTable]

    @contextmanager
    def open(self) -> Generator[tuple[AlertStore, AlertManager], None, None]:
        """The manager over its store. Raises `PipelineError` when the store does not answer: the next tick tries again."""
        settings = Settings.from_environment()
        wording = Wording(self.tables, webserver=settings.webserver_url)
        with AlertStore(settings.state_url()) as store:
            yield store, AlertManager(store, self.rules, tables=self.tables, wording=wording)

    def watch_runs(self, context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Failed tables as they fail; failed and errored checks, drift, and what is well again from runs that ended."""
        reader = RunReader(self.tables, Scrubber(Settings.from_environment().secrets()))
        origin = context.code_location_origin
        with self.open() as (store, manager):
            before = store.mark("runs")
            begin = position = read_position(before, now=utc_now())
            reports = []
            for report, seen in _looks(context.instance, begin):
                position = seen
                if report.location is None or origin is None or report.location == origin.location_name:
                    reports.append(report)
            if position is begin:  # nothing of anybody ended or failed
                position = begin.rested(utc_now())
            failing = {table for report in reports for table in (*report.errors, *report.tables)}
            failing |= {check.table for report in reports for check in report.checks if not check.passed}
            successes = last_successes(context.instance, failing & self.tables.keys())
            news = [one for report in reports for one in reader.observations(report, successes)]
            taken = manager.take("runs", before=before, after=write_position(position), observations=news)
        return dg.SkipReason(
            f"{len(reports)} run(s) ended or failed in part." if taken else "Another tick was faster."
        )

    def watch_lateness(self, context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Tables whose last success is older than their `freshness`."""
        watched = [table for table in self.tables.values() if table.freshness is not None]
        now = utc_now()
        with self.open() as (store, manager):
            before = store.mark("lateness")
            known = _MARK.validate_json(before) if before else LatenessMark()
            asked = last_successes(context.instance, suspects(watched, known, now=now))
            after, news = look(watched, known, asked, now=now)
            manager.take("lateness", before=before, after=_MARK.dump_json(after).decode(), observations=news)
        return dg.SkipReason(f"{len(after.late)} of {len(watched)} table(s) with freshness are late.")

    def send(self, context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Decide who is told what now, and send what is due."""
        channels = open_channels(Settings.from_environment().environment)
        with self.open() as (store, manager):
            for channel, why in channels.off.items():
                if store.once(f"off {channel}", why):
                    context.log.warning(why)
            for title in manager.plan().unheard:
                context.log.warning("No route of alerts.yml takes: %s", title)
            delivered = manager.deliver(channels.notifiers, seconds=SENDING_BUDGET)
            store.prune()
        for problem in delivered.problems:
            context.log.warning(problem)
        return dg.SkipReason(f"{delivered.sent} message(s) sent.")


def _looks(instance: dg.DagsterInstance, begin: Position) -> Iterator[tuple[RunReport, Position]]:
    """What ended, then what failed in runs that go on."""
    deadline = time.monotonic() + READING_BUDGET
    position = begin
    for report, position in ended_runs(instance, begin, seconds=READING_BUDGET):
        yield report, position
    left = deadline - time.monotonic()
    yield from failures_so_far(instance, position, now=utc_now(), seconds=left)
