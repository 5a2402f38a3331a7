"""A proposal as the text of a table file, its evidence as comments."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

import yaml

from dagster_pipeline.connectors.sources.base_surveyor import Survey
from dagster_pipeline.proposal.propose import Proposal, ProposedColumn
from dagster_pipeline.schema.field_types import FORMAT_VERSION

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*( [A-Za-z0-9_]+)*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}


def table_file(
    proposal: Proposal,
    *,
    file: PurePosixPath,
    table: str,
    connection: str | None = None,
    schema_name: str = "public",
) -> str:
    """The file's text.

    Args:
        proposal: what to write.
        file: where it will stand below the schemas folder; gives the way to the JSON Schema.
        table: the source table, which the file's name may not be able to spell.
        connection: where it differs from the database's name.
        schema_name: PostgreSQL's schema.
    """
    survey = proposal.survey
    up = "../" * (len(file.parts) - 1)
    lines = [f"# yaml-language-server: $schema={up}table.schema.json", f"version: {FORMAT_VERSION}"]
    lines.append(f"description: {scalar(survey.comment or _described(survey, table))}")
    lines += _questions(proposal)
    lines += _source(file, table, connection, schema_name)
    lines += _destination(proposal, database=file.parent.name, table=table)
    lines += _sync(proposal)
    lines += [f"schedule: {_quoted(proposal.schedule)}", "columns:"]
    for column in proposal.columns:
        lines += _column(column)
    key = survey.table.primary_key
    checks = [f"  - unique: {flow(list(key))}"] if key else []
    if survey.table.estimated_rows:
        checks.append("  - row_count: {min: 1}")
    if checks:
        lines += ["checks:", *checks]
    return "\n".join(lines) + "\n"


def _described(survey: Survey, table: str) -> str:
    return f"Rows of {table}; about {survey.table.estimated_rows:,} when this file was proposed."


def _questions(proposal: Proposal) -> list[str]:
    head = ["# To be answered before this is merged, and then removed:"] if proposal.questions else []
    return head + [f"#   {_one_line(question)}" for question in proposal.questions]


def _source(file: PurePosixPath, table: str, connection: str | None, schema_name: str) -> list[str]:
    facts = {}
    if connection not in (None, file.parent.name):
        facts["connection"] = connection
    if schema_name != "public":
        facts["schema"] = schema_name
    if table != file.stem:
        facts["table"] = table
    return [f"source: {flow(facts)}"] if facts else []


def _destination(proposal: Proposal, *, database: str, table: str) -> list[str]:
    reason = _one_line(proposal.reasons["partition_by"][0])
    named = {"database": database, "table": table}
    lines = [
        f"  {key}: {scalar(plain_name(name))}" for key, name in named.items() if plain_name(name) != name
    ]
    if proposal.partition_by:
        lines.append(f"  partition_by: {scalar(proposal.partition_by)}  # {reason}")
    else:
        lines.append(f"{'  ' if lines else ''}# No partition_by: {reason}.")
    return ["destination:", *lines] if len(lines) > 1 or proposal.partition_by else lines


def plain_name(name: str) -> str:
    """A name that a file, Dagster and the warehouse all take: what they do not take becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name)


def _sync(proposal: Proposal) -> list[str]:
    lines = ["sync:", f"  mode: {proposal.mode}  # {_one_line(proposal.reasons['mode'][0])}"]
    lines += [f"  # {_one_line(each)}" for each in proposal.reasons["cursor"]]
    if proposal.cursor is not None:
        lines.append(f"  cursor: {scalar(proposal.cursor)}")
    return [*lines, f"  deletes: ignore  # {_one_line(proposal.reasons['deletes'][0])}"]


def _column(column: ProposedColumn) -> list[str]:
    facts: dict[str, Any] = {"name": column.name, "type": column.type}
    facts |= {key: True for key in ("nullable", "primary_key", "immutable") if getattr(column, key)}
    if column.mask is not None:
        facts["mask"] = str(column.mask)
    if column.comment:
        facts["description"] = _one_line(column.comment)
    refused = [f"  # {_one_line(column.refused)}"] if column.refused else []
    return [*refused, f"  - {flow(facts)}"]


def flow(value: dict[str, Any] | list[str]) -> str:
    """A map or a list on one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(scalar, value))}]"
    return "{" + ", ".join(f"{key}: {scalar(each)}" for key, each in value.items()) + "}"


def scalar(value: Any) -> str:
    """Plain where it is plain beyond doubt, else in double quotes as YAML escapes them."""
    if isinstance(value, bool):
        return str(value).lower()
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return str(value)
    return _quoted(value)


def _quoted(value: str) -> str:
    text: str = yaml.safe_dump(value, default_style='"', width=2**31, allow_unicode=True)
    return text.strip()


def _one_line(text: str) -> str:
    """YAML allows no control character in a comment."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
