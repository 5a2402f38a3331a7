"""What Dagster's instance knows of runs and tables, as the frozen facts that alerts are made from.

A run of hundreds of tables lasts; a table of it that failed for good is told while the others still load. At its end a run is
read as a whole, but for those.

Finished runs are found by the time of their last change, a little before where the last look ended: clocks of machines
differ, and a transaction may become visible late. Runs that were seen are remembered for that stretch.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType as Event
from pydantic import TypeAdapter

from dagster_pipeline.alerts.run_report import CheckReport, RunReport, StepError
from dagster_pipeline.factories.table_metadata import SCHEMA_DRIFT

OVERLAP, REST = timedelta(minutes=2), timedelta(minutes=10)
FIRST_LOOK_BACK = timedelta(minutes=15)
LONGEST_LOOK_BACK = timedelta(days=1)
_PAGE, _EVENTS = 200, 500
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_GOING_ON = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_WILL_RETRY, _REASON = "dagster/will_retry", "dagster/failure_reason"
_NEWS = {Event.ASSET_MATERIALIZATION, Event.ASSET_CHECK_EVALUATION, Event.STEP_FAILURE}


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a run while it was going on.

    Attributes:
        steps: those whose failure was told.
        at: when it was last seen going on.
    """

    steps: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """How far runs were seen.

    Attributes:
        until: runs that ended up to here were seen.
        seen: run ids within the overlap before `until`, with their ends.
        inside: how far the events of one run were read, which had more than fit into a tick.
        told: by run id, of runs that were going on.
    """

    until: datetime
    seen: Mapping[str, datetime] = field(default_factory=dict)
    inside: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, Told] = field(default_factory=dict)

    def after(self, run_id: str, ended_at: datetime) -> Position:
        """The position with one more run seen."""
        until = max(self.until, ended_at)
        told = {run: each for run, each in self.told.items() if run != run_id}
        return Position(until, _recent({**self.seen, run_id: ended_at}, until), told=told)

    def rested(self, now: datetime) -> Position:
        """The position after a look that found nothing: moved on when it is old, so that no look goes far back."""
        until = now - OVERLAP
        if until - self.until < REST:
            return self
        return Position(until, _recent(self.seen, until), told=self.told)

    def telling(self, run_id: str, steps: frozenset[str], now: datetime) -> Position:
        """The position with steps of a run told; runs whose end nobody will see are forgotten after a day."""
        recent = {run: each for run, each in self.told.items() if now - each.at < LONGEST_LOOK_BACK}
        before = self.told[run_id].steps if run_id in self.told else frozenset()
        return replace(self, told={**recent, run_id: Told(before | steps, now)})


def _recent(seen: Mapping[str, datetime], until: datetime) -> dict[str, datetime]:
    return {run: at for run, at in seen.items() if at >= until - OVERLAP}


_POSITION = TypeAdapter(Position)


def read_position(text: str | None, *, now: datetime) -> Position:
    """A position from its text; the first look goes back a quarter of an hour, one after a long pause a day."""
    if text is None:
        return Position(now - FIRST_LOOK_BACK)
    position = _POSITION.validate_json(text)
    return replace(position, until=max(position.until, now - LONGEST_LOOK_BACK))


def write_position(position: Position) -> str:
    """A position as text."""
    return _POSITION.dump_json(position).decode()


def ended_runs(
    instance: dg.DagsterInstance, position: Position, *, seconds: float
) -> Iterator[tuple[RunReport, Position]]:
    """Finished runs that were not seen, the oldest first, in pages, each with the position after it.

    Ends when `seconds` are over, so that a tick stays short; the next look goes on from the last position.
    """
    deadline = time.monotonic() + seconds
    for record in _unseen(instance, position):
        run = record.dagster_run
        ended_at = _ended_at(record)
        told = position.told[run.run_id].steps if run.run_id in position.told else frozenset()
        for report, cursor in _reports(instance, run, ended_at, position.inside.get(run.run_id), told):
            inside = replace(position, inside={run.run_id: cursor or ""})
            position = inside if cursor else position.after(run.run_id, ended_at)
            yield report, position
            if time.monotonic() > deadline:
                return


def failures_so_far(
    instance: dg.DagsterInstance, position: Position, *, now: datetime, seconds: float
) -> Iterator[tuple[RunReport, Position]]:
    """Steps that failed for good in runs that go on, each once, a report for each run, with the position after it."""
    deadline = time.monotonic() + seconds
    for record in instance.get_run_records(dg.RunsFilter(statuses=_GOING_ON), limit=_PAGE):
        run = record.dagster_run
        if run.run_id in position.seen or time.monotonic() > deadline:
            continue
        told = position.told[run.run_id].steps if run.run_id in position.told else frozenset()
        failed = instance.get_records_for_run(run.run_id, of_type=Event.STEP_FAILURE).records
        if not {_step(each) for each in failed} - told:
            continue
        planned = instance.get_records_for_run(
            run.run_id, of_type=Event.ASSET_MATERIALIZATION_PLANNED
        ).records
        at = _moment(max(each.timestamp for each in failed))
        position = position.telling(run.run_id, frozenset(_step(each) for each in failed), now)
        yield _report(run, at, [*planned, *failed], told), position


def last_successes(instance: dg.DagsterInstance, tables: Iterable[str]) -> dict[str, datetime]:
    """When each of these tables was last brought forward; those that never were are left out."""
    keys = [dg.AssetKey(table.split("/")) for table in tables]
    found = {}
    for record in instance.get_asset_records(keys) if keys else ():
        if (latest := record.asset_entry.last_materialization) is not None:
            found["/".join(record.asset_entry.asset_key.path)] = _moment(latest.timestamp)
    return found


def _unseen(instance: dg.DagsterInstance, position: Position) -> list[dg.RunRecord]:
    """Runs that ended since, the oldest first, a page of them. Ids are asked for first: most looks find no new one."""
    begin = position.until - OVERLAP
    ended = dg.RunsFilter(statuses=_ENDED, updated_after=begin)
    new = [run_id for run_id in instance.get_run_ids(ended) if run_id not in position.seen]
    if not new:
        return []
    # The oldest of many are among as many as were seen and a page more, in the order in which they changed.
    limit = len(position.seen) + _PAGE
    wanted = dg.RunsFilter(run_ids=new) if len(new) <= _PAGE else ended
    while True:
        records = instance.get_run_records(wanted, limit=limit, order_by="update_timestamp", ascending=True)
        # A run that ended long ago and was touched since, e.g. given a tag, is no news.
        fresh = [
            record
            for record in records
            if record.dagster_run.run_id not in position.seen and _ended_at(record) >= begin
        ]
        if fresh or len(records) < limit:
            return fresh
        limit *= 4


def _ended_at(record: dg.RunRecord) -> datetime:
    return _moment(record.end_time or record.update_timestamp.timestamp())


def _reports(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    ended_at: datetime,
    cursor: str | None,
    told: frozenset[str],
) -> Iterator[tuple[RunReport, str | None]]:
    """A run, page by page, each with where the next one begins; `None` after the last.

    Of a failed run all is read at once, since only all of it says which tables it did not load.
    """
    failed = run.status is dg.DagsterRunStatus.FAILURE
    limit = None if failed else _EVENTS
    events = _NEWS | {Event.ASSET_MATERIALIZATION_PLANNED} if failed else _NEWS
    while True:
        page = instance.get_records_for_run(run.run_id, cursor=cursor, of_type=events, limit=limit)
        cursor = page.cursor if page.has_more and limit else None
        yield _report(run, ended_at, page.records, told), cursor
        if cursor is None:
            return


def _step(record: dg.EventLogRecord) -> str:
    return record.event_log_entry.step_key or ""


def _report(
    run: dg.DagsterRun,
    at: datetime,
    records: Sequence[dg.EventLogRecord],
    told: frozenset[str],
) -> RunReport:
    loaded: dict[str, tuple[str, ...]] = {}
    checks: list[CheckReport] = []
    failed_steps: dict[str, StepError] = {}
    planned: dict[str, list[str]] = {}
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        if event.event_type is Event.ASSET_MATERIALIZATION and event.asset_key is not None:
            loaded["/".join(event.asset_key.path)] = _drift(event)
        elif event.event_type is Event.ASSET_CHECK_EVALUATION:
            checks.append(_check(event, record.event_log_entry.timestamp))
        elif event.event_type is Event.ASSET_MATERIALIZATION_PLANNED and event.asset_key is not None:
            planned.setdefault(event.step_key or "", []).append("/".join(event.asset_key.path))
        elif event.event_type is Event.STEP_FAILURE:
            failed_steps[event.step_key or ""] = _step_error(event)
    if not planned and run.asset_selection:  # it ended before it was planned
        planned[""] = sorted("/".join(key.path) for key in run.asset_selection)
    return RunReport(
        run_id=run.run_id,
        job=run.job_name,
        at=at,
        succeeded=run.status is dg.DagsterRunStatus.SUCCESS,
        tables=tuple(dict.fromkeys(table for tables in planned.values() for table in tables)),
        loaded=loaded,
        errors={
            table: error
            for step, error in failed_steps.items()
            for table in planned.get(step, (step or run.job_name,))
        },
        told=frozenset(table for step in told for table in planned.get(step, (step,))),
        checks=tuple(checks),
        failure_reason=run.tags.get(_REASON, ""),
        starts_again=run.tags.get(_WILL_RETRY) == "true",
        location=run.remote_job_origin.location_name if run.remote_job_origin else None,
    )


def _step_error(event: dg.DagsterEvent) -> StepError:
    data = event.step_failure_data
    error = data.error.cause or data.error if data.error else None
    name = (error.cls_name if error else None) or ""
    if data.user_failure_data is None:
        return StepError(name)
    facts = {key: str(value.value) for key, value in data.user_failure_data.metadata.items()}
    return StepError(facts.get("error", name), facts.get("what", ""), facts.get("what to do", ""))


def _check(event: dg.DagsterEvent, timestamp: float) -> CheckReport:
    data = event.asset_check_evaluation_data
    return CheckReport(
        table="/".join(data.asset_key.path),
        name=data.check_name,
        passed=data.passed,
        warns=data.severity is dg.AssetCheckSeverity.WARN,
        description=data.description or "",
        at=_moment(timestamp),
    )


def _drift(event: dg.DagsterEvent) -> tuple[str, ...]:
    materialization = event.step_materialization_data.materialization
    value = materialization.metadata.get(SCHEMA_DRIFT)
    text = str(value.value) if value is not None else "none"
    return () if text == "none" else tuple(line.removeprefix("- ") for line in text.splitlines())


def _moment(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, tz=UTC)
