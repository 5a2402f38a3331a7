"""What a run means for its tables: from frozen facts about the run to alerts and good news. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from dagster_pipeline.alerts.alert import Alert, AlertKind, Cleared, Observation, Severity
from dagster_pipeline.alerts.scrubber import HIDDEN, Scrubber
from dagster_pipeline.alerts.watched_table import WatchedTable

QUERY_FAILED = "The query failed: "
"""How the description of a check begins that could not be judged."""
_COUNTS = re.compile(r"[\d,]+ (?:row|value)")
_COUNTED = re.compile(
    r"(?:at least )?\b\d[\d.,]*(?=\s*(?:rows?|row\(s\)|values?|s|seconds?|minutes?|hours?|bytes)\b)"
)
_READ_THE_RUN = "Open the run, read its error, mend the cause, then materialize the table again."
_SHORTEST_NAME = 3
_FILE = "its file"
_PLACE = re.compile(rf"{_FILE}(?::\d+)+")
_WORD = re.compile(r"[\w-]+")

# Dagster's RunFailureReason, for runs that ended without an error of a step.
_ENDINGS = {
    "START_TIMEOUT": (
        "The run did not start in time.",
        "See whether the code server can start processes: its log says why not.",
    ),
    "JOB_INITIALIZATION_FAILURE": (
        "The run could not be set up.",
        "Open the run: a resource or its configuration is wrong.",
    ),
}
_ENDED = (
    "The run's process ended without an error of its own: it was killed, or its machine ran out of memory or went away.",
    "Look at the machine's memory and the run's stderr; the next run goes on where this one stopped.",
)


@dataclass(frozen=True, slots=True)
class StepError:
    """Why a table's step failed.

    Attributes:
        error: the error's class.
        what, todo: what an error of ours says; empty for any other.
    """

    error: str
    what: str = ""
    todo: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """How one check of a table ended."""

    table: str
    name: str
    passed: bool
    warns: bool
    description: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run that ended, or what failed so far in one that goes on.

    Attributes:
        at: when it ended, or the last step failed.
        tables: what it was to load.
        loaded: tables that it brought forward, with what had drifted.
        errors: by table, of steps that failed for good.
        told: tables of `errors` that were told before.
        checks: every check's result.
        failure_reason: Dagster's word for why it failed.
        starts_again: Dagster starts it again by itself.
        location: code location that it was launched from; `None` from a shell.
    """

    run_id: str
    job: str
    at: datetime
    succeeded: bool
    tables: tuple[str, ...] = ()
    loaded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    errors: Mapping[str, StepError] = field(default_factory=dict)
    told: frozenset[str] = frozenset()
    checks: tuple[CheckReport, ...] = ()
    failure_reason: str = ""
    starts_again: bool = False
    location: str | None = None


class RunReader:
    """Turns reports into observations, in words that may leave the house.

    Args:
        tables: what is known of tables, by name.
        scrubber: takes secrets and values out.
    """

    def __init__(self, tables: Mapping[str, WatchedTable], scrubber: Scrubber) -> None:
        self._tables = tables
        self._scrubber = scrubber

    def observations(self, report: RunReport, last_success: Mapping[str, datetime]) -> Iterator[Observation]:
        """Good and bad news of one run, table by table."""
        for observation in self._all(report):
            if report.location is None and observation.table not in self._tables:
                continue  # started from a shell, perhaps of another project that shares the instance
            if isinstance(observation, Alert):
                yield replace(observation, last_success=last_success.get(observation.table))
            else:
                yield observation

    def _all(self, report: RunReport) -> Iterator[Observation]:
        for table, drift in report.loaded.items():
            # A table that was loaded is well, even when its step failed afterwards, e.g. by a check that blocks.
            yield Cleared((AlertKind.RUN_FAILURE, AlertKind.LATE), table, report.at, run_id=report.run_id)
            yield self._drift(report, table, drift)
        for check in report.checks:
            yield self._check(report, check)
        if not report.succeeded:
            yield from self._failures(report)

    def _failures(self, report: RunReport) -> Iterator[Alert]:
        for table, error in report.errors.items():
            if table not in report.loaded and table not in report.told:
                yield self._failure(report, table, *self._step(table, error))
        if report.errors:
            return
        sentence, todo = _ENDINGS.get(report.failure_reason, _ENDED)
        for table in (table for table in report.tables if table not in report.loaded):
            yield self._failure(report, table, sentence, todo)
        if not report.tables:
            yield self._failure(report, report.job, sentence, todo)

    def _failure(self, report: RunReport, table: str, sentence: str, todo: str) -> Alert:
        again = " Dagster starts the run again by itself." if report.starts_again else ""
        return Alert(
            AlertKind.RUN_FAILURE,
            Severity.ERROR,
            table,
            self._cause(table, sentence),
            f"{sentence}{again}",
            todo,
            report.at,
            run_id=report.run_id,
        )

    def _step(self, table: str, error: StepError) -> tuple[str, str]:
        if not error.what:
            name = error.error.rpartition(".")[2] or "An error"
            return (
                f"{name} was raised. Its text may hold values of rows, so it stands in the run only.",
                _READ_THE_RUN,
            )
        return self._shown(table, error.what), self._shown(table, error.todo) or _READ_THE_RUN

    def _check(self, report: RunReport, check: CheckReport) -> Observation:
        kinds = (AlertKind.FAILED_CHECK,)
        if check.passed:
            return Cleared(kinds, check.table, check.at, scope=check.name, run_id=report.run_id)
        errored = check.description.startswith(QUERY_FAILED)
        if errored:
            why = self._shown(check.table, check.description.removeprefix(QUERY_FAILED))
            sentence = f"Check {check.name} could not be made: {why}"
            todo = "Mend the check's query in the table file, or what the error names; the data was loaded."
        else:
            counted = _COUNTS.match(check.description)
            found = (
                self._shown(check.table, check.description) if counted else "not what the table file expects"
            )
            sentence = f"Check {check.name} failed: {found}."
            todo = (
                "Run the check's query, which stands in its result in Dagster, and compare the rows with the source; "
                "the data was loaded."
            )
        return Alert(
            AlertKind.ERRORED_CHECK if errored else AlertKind.FAILED_CHECK,
            Severity.WARNING if check.warns else Severity.ERROR,
            check.table,
            self._cause(check.table, sentence),
            sentence,
            todo,
            check.at,
            scope=check.name,
            run_id=report.run_id,
        )

    def _drift(self, report: RunReport, table: str, drift: tuple[str, ...]) -> Observation:
        if not drift:
            return Cleared((AlertKind.SCHEMA_DRIFT,), table, report.at, run_id=report.run_id)
        sentence = self._scrubber.secrets(" ".join(drift))
        file = self._tables[table].file if table in self._tables else ""
        return Alert(
            AlertKind.SCHEMA_DRIFT,
            Severity.WARNING,
            table,
            self._cause(table, sentence),
            sentence,
            f"Change {file or 'the table file'} to what the source has, or the source back.",
            report.at,
            run_id=report.run_id,
        )

    def _shown(self, table: str, text: str) -> str:
        known = self._tables.get(table)
        return self._scrubber.values(text, names=known.names if known else frozenset())

    def _cause(self, table: str, sentence: str) -> str:
        """The sentence without what is this table's own, so that the same trouble of other tables reads the same."""
        known = self._tables.get(table, WatchedTable(table))
        # No pattern of the table's own: a storm has a thousand tables, and compiling is what would take the time.
        cause = sentence.replace(known.file, _FILE) if known.file else sentence
        for spelled in (table, table.replace("/", ".")):
            cause = cause.replace(spelled, "the table")
        names = {name for name in known.names if len(name) >= _SHORTEST_NAME}
        cause = _WORD.sub(lambda word: HIDDEN if word[0] in names else word[0], _PLACE.sub(_FILE, cause))
        return _COUNTED.sub("some", cause)
