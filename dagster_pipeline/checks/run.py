"""Runs one check. Whatever goes wrong in it is an outcome of the check and never an error of the load before it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from dagster_pipeline.checks.question import Outcome, Question, Row, Verdict
from dagster_pipeline.checks.questions import Subject, question
from dagster_pipeline.checks.samples import shown_row
from dagster_pipeline.errors import PipelineError
from dagster_pipeline.schema.models import TableCheck


class Rows(Protocol):
    """Reads from the warehouse; `ClickHouseSink.rows` is one."""

    def __call__(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of one SELECT."""


def run_check(check: TableCheck, subject: Subject, rows: Rows, *, masked: Collection[str]) -> Outcome:
    """Ask, judge, and fetch samples when it failed. `masked` are the columns whose values are never shown."""
    return run_question(question(check, subject), subject, rows, masked=masked)


def run_question(asked: Question, subject: Subject, rows: Rows, *, masked: Collection[str]) -> Outcome:
    """The same for a question that is made already; samples are rows of the subject."""
    try:
        verdict = asked.judge(_only_row(rows(asked.sql)))
        samples = () if verdict.passed else _samples(asked, subject, rows, masked)
    except PipelineError as error:
        return _not_judged(asked, str(error))
    except Exception as error:  # noqa: BLE001 -- e.g. an answer that is no number: the load's success stands
        return _not_judged(asked, f"the answer cannot be judged ({type(error).__name__}).")
    return Outcome(verdict, asked.sql, samples, asked.sample_columns)


def _only_row(found: list[Row]) -> Row:
    if not found:
        raise PipelineError("the query gave no row.", todo="It must give one, with the value to judge first.")
    return found[0]


def _samples(
    asked: Question, subject: Subject, rows: Rows, masked: Collection[str]
) -> tuple[tuple[str, ...], ...]:
    if not asked.samples:
        return ()
    types = {column.name: column.type for column in subject.table.columns}
    return tuple(
        shown_row(row, asked.sample_columns, types=types, masked=masked) for row in rows(asked.samples)
    )


def _not_judged(asked: Question, why: str) -> Outcome:
    return Outcome(Verdict(passed=False, says=f"The query failed: {why}"), asked.sql, query_failed=True)
