"""Sensors: a table whose file has a `trigger` is loaded when a row or an object appears that no run was started for.

One run is started for everything that is new in a tick. What it was started for stands in its tags, too: when the daemon
dies after it has started the run and before it has kept the cursor, the next tick finds it there. While a run works on the table
nothing is started: it may have looked at the source before the new thing came, so that one waits for the run's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.table_schedules import (
    JOB_NAME,
    PARTITIONED_JOB_NAME,
    asset_key,
    busy_assets,
    checks_of_a_load,
    partition_tags,
)
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.settings import Settings
from dagster_pipeline.triggers.arrivals import Arrivals, digest, look
from dagster_pipeline.triggers.deadline import Asking
from dagster_pipeline.triggers.places import Place, Question

TRIGGER_TAG, STARTED_FOR_TAG = "trigger", "trigger/started_for"
NEWEST_RUNS = 3
"""Runs whose tags are looked at; the cursor can lack those of one tick at most."""


def trigger_sensors(schemas: Sequence[TableSchema], *, running: bool) -> Bundle:
    """A sensor for each of these tables whose file has a `trigger`."""
    return Bundle(sensors=[_sensor(each, running=running) for each in schemas if each.trigger is not None])


def sensor_name(schema: TableSchema) -> str:
    """Stable and readable; Dagster keeps the on/off switch and the cursor under this name."""
    return f"{asset_key(schema).to_python_identifier()}_trigger"


def tick(
    schema: TableSchema,
    context: dg.SensorEvaluationContext,
    question: Question,
    asking: Asking[list[str]],
) -> dg.SensorResult:
    """One look. Raises `PipelineError` when the place does not answer as it should, which fails the tick."""
    name, instance = sensor_name(schema), context.instance
    arrived = look(
        asking.ask(question),
        context.cursor,
        started=_started_for(instance, name),
        where=f"{schema.name}: trigger",
    )
    if not arrived.new:
        return dg.SensorResult(skip_reason="Nothing new.", cursor=arrived.unchanged)
    if run_id := busy_assets(instance).get(asset_key(schema)):
        reason = f"Run {run_id} still works on {schema.name}; {_counted(arrived)} wait(s) for its end."
        return dg.SensorResult(skip_reason=reason, cursor=arrived.unchanged)
    partitions = partition_tags(schema, datetime.now(UTC)) if schema.partitions is not None else {}
    if partitions is None:
        return dg.SensorResult(skip_reason="The first partition has not begun yet.", cursor=arrived.unchanged)
    started_for = ",".join(arrived.new)
    request = dg.RunRequest(
        run_key=digest(started_for),
        asset_selection=[asset_key(schema)],
        asset_check_keys=[dg.AssetCheckKey(asset_key(schema), name) for name in checks_of_a_load(schema)],
        tags={TRIGGER_TAG: name, STARTED_FOR_TAG: started_for, **partitions},
    )
    return dg.SensorResult(run_requests=[request], cursor=arrived.cursor)


def _counted(arrived: Arrivals) -> str:
    return f"{len(arrived.new) + arrived.waiting:,} new row(s) or object(s)"


def _started_for(instance: dg.DagsterInstance, name: str) -> list[str]:
    runs = instance.get_runs(dg.RunsFilter(tags={TRIGGER_TAG: name}), limit=NEWEST_RUNS)
    return [each for run in runs for each in run.tags.get(STARTED_FOR_TAG, "").split(",") if each]


def _sensor(schema: TableSchema, *, running: bool) -> dg.SensorDefinition:
    trigger, place = schema.trigger, Place(schema)
    asking: Asking[list[str]] = Asking(str(place))

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        # Secrets are looked up at each tick: nothing is read while definitions load.
        return tick(schema, context, place.question(Settings.from_environment()), asking)

    return dg.SensorDefinition(
        name=sensor_name(schema),
        job_name=PARTITIONED_JOB_NAME if schema.partitions else JOB_NAME,
        evaluation_fn=evaluate,
        minimum_interval_seconds=int(trigger.every.total_seconds()) if trigger else None,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description=f"Loads {schema.name} when something new is there: {place}.",
    )
