"""The rules: from a survey to a proposal. Pure; whoever calls asks the rows for `CursorFacts` first."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dagster_pipeline.connectors.sources.base_surveyor import CursorFacts, Survey
from dagster_pipeline.proposal.cursors import Candidate, candidates, creation_time, evidence
from dagster_pipeline.schema.models import Mask, SyncMode
from dagster_pipeline.schema.personal_names import proposed_mask

LOOKED_AT_ROWS = 2_000_000
"""A column without an index is looked at only in tables up to this size."""

PARTITIONED_FROM, WEEKLY_FROM = 1_000_000, 500_000_000
"""ClickHouse advises few partitions (clickhouse.com/docs/partitions): none for small tables, months for large ones."""

FULL_IS_CHEAP = 5_000_000
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ProposedColumn:
    """One line of `columns`.

    Attributes:
        immutable: stands in the partition key; the evidence is its name alone.
        refused: why the type mapper cannot take it; it is left out with `mask: drop`.
    """

    name: str
    type: str
    nullable: bool
    primary_key: bool
    immutable: bool
    mask: Mask | None
    comment: str
    refused: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A table file to be written.

    Attributes:
        mode, cursor: how it follows its source.
        partition_by: ClickHouse expression, empty for none.
        schedule: cron text.
        reasons: sentences for the file, by the key that they explain.
        questions: what a reviewer must answer before merging.
    """

    survey: Survey
    mode: SyncMode
    cursor: str | None
    partition_by: str
    schedule: str
    columns: tuple[ProposedColumn, ...]
    reasons: dict[str, tuple[str, ...]]
    questions: tuple[str, ...]


def worth_asking(survey: Survey) -> tuple[Candidate, ...]:
    """Candidates whose rows may be asked without reading a large table."""
    small = survey.table.estimated_rows <= LOOKED_AT_ROWS
    return tuple(each for each in candidates(survey) if small or each.indexed)


def propose(survey: Survey, facts: dict[str, CursorFacts], refused: dict[str, str]) -> Proposal:
    """Propose a file.

    Args:
        survey: the table.
        facts: by column, for the candidates of `worth_asking`.
        refused: why the type mapper cannot take a column, by column.
    """
    everyone = candidates(survey)
    mode, chosen = _mode(survey, everyone, facts)
    partition_column, partition_by, partition_reason = _partition(survey)
    reasons = {
        "partition_by": (partition_reason,),
        "mode": (_mode_reason(survey, mode, chosen),),
        "cursor": tuple(evidence(each, facts.get(each.column.name), survey) for each in everyone),
        "deletes": (_deletes_reason(survey),),
    }
    columns = tuple(
        ProposedColumn(
            name=each.name,
            type=each.type,
            nullable=each.nullable,
            primary_key=each.name in survey.table.primary_key,
            immutable=each.name == partition_column,
            mask=Mask.DROP if each.name in refused else _mask(survey, each.name, each.type, chosen),
            comment=each.comment,
            refused=refused.get(each.name, ""),
        )
        for each in survey.table.columns
    )
    return Proposal(
        survey=survey,
        mode=mode,
        cursor=chosen.column.name if chosen else None,
        partition_by=partition_by,
        schedule="*/15 * * * *" if chosen else "0 3 * * *",
        columns=columns,
        reasons=reasons,
        questions=tuple(_questions(columns, partition_column, chosen, facts)),
    )


def _mode(
    survey: Survey, everyone: tuple[Candidate, ...], facts: dict[str, CursorFacts]
) -> tuple[SyncMode, Candidate | None]:
    usable = [each for each in everyone if _usable(each, facts.get(each.column.name), survey)]
    changing = [each for each in usable if each.follows_changes]
    if survey.table.primary_key:
        return (SyncMode.INCREMENTAL, changing[0]) if changing else (SyncMode.FULL, None)
    growing = [each for each in usable if not each.follows_changes and not changing]
    return (SyncMode.APPEND, growing[0]) if growing else (SyncMode.FULL, None)


def _usable(candidate: Candidate, facts: CursorFacts | None, survey: Survey) -> bool:
    """Without an index a cursor costs a scan a run, which a small table bears; NULLs would be missed."""
    affordable = candidate.indexed or survey.table.estimated_rows <= LOOKED_AT_ROWS
    return affordable and facts is not None and not facts.has_nulls


def _mode_reason(survey: Survey, mode: SyncMode, chosen: Candidate | None) -> str:
    rows = survey.table.estimated_rows
    if mode is SyncMode.INCREMENTAL and chosen:
        return f"a primary key, and {chosen.column.name} follows every change"
    if mode is SyncMode.APPEND and chosen:
        return f"no primary key, and {chosen.column.name} follows new rows: right only if rows never change"
    dear = (
        "" if rows < FULL_IS_CHEAP else f"; {rows:,} rows every time is dear: add an indexed updated_at there"
    )
    return f"no column follows every change{dear}"


def _partition(survey: Survey) -> tuple[str | None, str, str]:
    rows, created = survey.table.estimated_rows, creation_time(survey)
    if rows < PARTITIONED_FROM:
        return None, "", f"about {rows:,} rows: none needed"
    if created is None or set(created.name) & set("`\\"):
        return None, "", f"about {rows:,} rows, but no NOT NULL column says when a row was made: none"
    name = created.name if _BARE.fullmatch(created.name) else f"`{created.name}`"
    if rows >= WEEKLY_FROM:
        return created.name, f"toMonday({name})", f"about {rows:,} rows: by week"
    return created.name, f"toYYYYMM({name})", f"about {rows:,} rows: by month"


def _deletes_reason(survey: Survey) -> str:
    marks = [each.name for each in survey.table.columns if each.name.lower() in _DELETION_MARKS]
    if marks:
        return f"{marks[0]} looks like a mark of deleted rows, which travels as any other column"
    return "rows that vanish at the source stay in the warehouse"


_DELETION_MARKS = {"deleted_at", "deletedat", "is_deleted", "deleted", "removed_at", "archived_at"}


def _mask(survey: Survey, name: str, type_text: str, chosen: Candidate | None) -> Mask | None:
    if name in survey.table.primary_key or (chosen is not None and chosen.column.name == name):
        return None
    return proposed_mask(name, type_text)


def _questions(
    columns: tuple[ProposedColumn, ...],
    partition_column: str | None,
    chosen: Candidate | None,
    facts: dict[str, CursorFacts],
) -> list[str]:
    masked = [each.name for each in columns if each.mask is not None and not each.refused]
    found = (
        [f"Is {partition_column} really never changed? The partition key rests on it."]
        if partition_column
        else []
    )
    if masked:
        found.append(f"Do these hold personal data? A mask is proposed by their names: {', '.join(masked)}.")
    if chosen is not None:
        known = facts.get(chosen.column.name)
        if known is not None and known.recent is False:
            found.append(f"Does {chosen.column.name} still move? Its newest value is {known.newest}.")
        if chosen.follows_changes:
            found.append(f"Does everything that changes a row also set {chosen.column.name}?")
    return found
