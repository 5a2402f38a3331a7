"""The sensors: thin, each hands its tick to the alert desk.

Watching and sending are apart, so that a channel that hangs never holds up the watch. The sensors keep no cursor of
Dagster's: see `alert_store`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from dagster_pipeline.alerts.channels import any_is_on
from dagster_pipeline.alerts.watched_table import WatchedTable, by_name, watch_all
from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster_pipeline.alerts.desk import AlertDesk
    from dagster_pipeline.alerts.rules import AlertRules

RUN_SECONDS, SEND_SECONDS, LATE_SECONDS = 10, 10, 60


def alert_bundle(
    schemas: Sequence[TableSchema], settings: Settings, *, also: Sequence[WatchedTable] = ()
) -> Bundle:
    """The sensors; they start switched on when a channel is configured.

    `also` are assets of other kinds, all of them enabled.

    Raises `SchemaFilesError` with every problem of `alerts.yml`.
    """
    tables = [*watch_all(schemas), *also]
    enabled = {schema.name for schema in schemas if schema.enabled} | {table.name for table in also}
    rules = _rules(settings, tables)
    ticks = _Ticks(rules, [table for table in tables if table.name in enabled])
    is_on = any_is_on(settings.environment)
    return Bundle(
        sensors=[
            _sensor("alerts_watch_runs", RUN_SECONDS, ticks.watch_runs, is_on=is_on),
            _sensor("alerts_watch_lateness", LATE_SECONDS, ticks.watch_lateness, is_on=is_on),
            _sensor("alerts_send", SEND_SECONDS, ticks.send, is_on=is_on),
        ]
    )


class _Ticks:
    """The ticks, with rules and tables as the files had them when the location was loaded."""

    def __init__(self, rules: AlertRules | None, tables: Sequence[WatchedTable]) -> None:
        self._rules = rules
        self._tables = tables

    def watch_runs(self, context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Failed tables as they fail; failed and errored checks, drift, and what is well again from runs that ended."""
        return self._desk.watch_runs(context)

    def watch_lateness(self, context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Tables whose last success is older than their `freshness`."""
        return self._desk.watch_lateness(context)

    def send(self, context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Decide who is told what now, and send what is due."""
        return self._desk.send(context)

    @cached_property
    def _desk(self) -> AlertDesk:
        from dagster_pipeline.alerts.desk import AlertDesk
        from dagster_pipeline.alerts.rules import AlertRules

        return AlertDesk(self._rules or AlertRules(), by_name(self._tables))


def _rules(settings: Settings, tables: Sequence[WatchedTable]) -> AlertRules | None:
    """What `alerts.yml` says; `None` without the file."""
    path = settings.alerts_file
    if not path.exists() and not path.is_symlink():
        return None
    from dagster_pipeline.alerts.rules_file import load_rules

    return load_rules(path, tables)


def _sensor(
    name: str, every_seconds: int, tick: Callable[[dg.SensorEvaluationContext], dg.SkipReason], *, is_on: bool
) -> dg.SensorDefinition:
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return tick(context)

    return dg.SensorDefinition(
        name=name,
        evaluation_fn=evaluate,
        minimum_interval_seconds=every_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED,
        description=tick.__doc__,
    )
