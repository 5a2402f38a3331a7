"""Which column could be a table's cursor, best first, and whether the evidence is good enough to propose it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dagster_pipeline.connectors.batch import SourceColumn
from dagster_pipeline.connectors.sources.base_surveyor import CursorFacts, Survey
from dagster_pipeline.schema.name_words import folded

_TEMPORAL = re.compile(r"(date|datetime|timestamp)\b(?!.*\[\])", re.IGNORECASE)
_INTEGER = re.compile(r"(tiny|small|medium|big)?int(eger)?\b(?!.*\[\])", re.IGNORECASE)
_CHANGED = re.compile(r"(^|_)(update[sd]?|updating|modified|modification|changed?)(_|$)|(^|_)mtime$")
_CREATED = re.compile(r"(^|_)(created?|creation|inserted|added|occurred|logged|recorded|received|sent)(_|$)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that may say what is new.

    Attributes:
        follows_changes: its name or its definition says that it grows with every change, not only with every new row.
        indexed: an index begins with it.
    """

    column: SourceColumn
    follows_changes: bool
    indexed: bool

    @property
    def temporal(self) -> bool:
        """It is a point in time."""
        return is_temporal(self.column)


def is_temporal(column: SourceColumn) -> bool:
    """A date, datetime or timestamp of either dialect."""
    return bool(_TEMPORAL.match(column.type))


def creation_time(survey: Survey) -> SourceColumn | None:
    """The column that holds when a row was made, by name: what a partition key should be built on."""
    named = [
        each for each in survey.table.columns if is_temporal(each) and _CREATED.search(folded(each.name))
    ]
    return next((each for each in named if not each.nullable), None)


def candidates(survey: Survey) -> tuple[Candidate, ...]:
    """Columns that follow changes first, then those that follow new rows; indexed before others, NOT NULL before others."""
    found = list(_candidates(survey))
    found.sort(key=lambda each: (not each.follows_changes, not each.indexed, each.column.nullable))
    return tuple(found)


def _candidates(survey: Survey) -> Iterator[Candidate]:
    key = survey.table.primary_key
    for column in survey.table.columns:
        indexed = survey.leads_an_index(column.name)
        if is_temporal(column) and (column.name in survey.renewed or _CHANGED.search(folded(column.name))):
            yield Candidate(column, follows_changes=True, indexed=indexed)
        elif is_temporal(column) and _CREATED.search(folded(column.name)):
            yield Candidate(column, follows_changes=False, indexed=indexed)
        elif key == (column.name,) and _INTEGER.match(column.type):
            yield Candidate(column, follows_changes=False, indexed=True)


def evidence(candidate: Candidate, facts: CursorFacts | None, survey: Survey) -> str:
    """What is known of the column, in words: a reviewer decides by this."""
    name = candidate.column.name
    parts = ["indexed" if candidate.indexed else "NO INDEX begins with it: every run reads the whole table"]
    if name in survey.renewed:
        parts.append("the server renews it with every change")
    if facts is None:
        parts.append("its values were not looked at: the table is large and has no index on it")
        return f"{name}: {', '.join(parts)}"
    parts.append("has rows without a value" if facts.has_nulls else "no row without a value")
    if facts.newest is None:
        parts.append("no row has a value")
    else:
        moving = {True: ", it moves", False: ", older than 30 days: does it still move?", None: ""}[
            facts.recent
        ]
        parts.append(f"newest {facts.newest}{moving}")
    return f"{name}: {', '.join(parts)}"
