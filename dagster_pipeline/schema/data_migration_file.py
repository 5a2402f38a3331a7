"""What a file of `schemas/data_migration/` says: rows that move from one application database to another, by rules.

Belongs here: the file's shape and the rules between its keys. What both catalogs say is judged when it runs
(`data_migration/agreement.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from dagster_pipeline.schema.field_types import (
    Group,
    Identifier,
    Model,
    Names,
    Sql,
)
from dagster_pipeline.schema.finding import Finding, child, suggest
from dagster_pipeline.schema.target_models import DatabaseTable, WritingFile

KIND = "data_migration"
BEGIN = "`version: 1`, `source:` and `target:`"


class MigratedRows(DatabaseTable):
    """The table that rows come from."""

    where: Sql | None = Field(default=None, description="A condition in the source's own SQL.")


class MigratedColumn(Model):
    """One column that moves."""

    model_config = ConfigDict(populate_by_name=True)

    name: Identifier = Field(description="The target's column.")
    source: Identifier | None = Field(
        default=None, alias="from", description="The source's column. Default: the same name."
    )


class FormatRule(Model):
    """A column whose values have a form."""

    column: Identifier = Field(description="The target's column.")
    pattern: str = Field(
        description="Regular expression (Python's) that the whole text matches; NULL passes."
    )
    says: str = Field(default="", description="What to say of a value that does not, instead of the pattern.")


class ReferenceRule(Model):
    """A column whose values stand in another table of the target's database."""

    column: Identifier = Field(description="The target's column; NULL passes.")
    table: Identifier = Field(description="The table that holds them, in the target's database and schema.")
    key: Identifier = Field(default="id", description="Its column.")


class MigrationRules(Model):
    """What a row must be to be moved; a row that is not is rejected with every reason."""

    required: Names = Field(default=(), description="Columns that are neither NULL nor blank.")
    format: Annotated[tuple[FormatRule, ...], Field(strict=False)] = Field(
        default=(), description="Columns whose values have a form."
    )
    reference: Annotated[tuple[ReferenceRule, ...], Field(strict=False)] = Field(
        default=(), description="Columns whose values stand in another table."
    )
    duplicate: Annotated[tuple[Names, ...], Field(strict=False)] = Field(
        default=(),
        description="Lists of columns that no two rows share, neither in this run nor with another row of the target.",
    )


class MigrationFile(WritingFile):
    """A data migration file, its folder's defaults merged in."""

    described_as: ClassVar[str] = "a data migration file"

    group: Group = Field(default=KIND, description="Group in the UI.")
    source: MigratedRows = Field(description="Where rows come from.")
    target: DatabaseTable = Field(description="Where they go; the same kind of database.")
    key: Annotated[tuple[Identifier, ...], Field(strict=False, min_length=1)] = Field(
        description="Target columns that tell rows apart; the target needs a unique index on exactly these."
    )
    columns: Annotated[tuple[MigratedColumn, ...], Field(strict=False)] = Field(
        default=(), description="Columns that move. Default: all that both tables have."
    )
    on_existing: Literal["keep", "update"] = Field(
        default="keep", description="What happens to a row of the target that has the key already."
    )
    rules: MigrationRules = Field(default=MigrationRules(), description="What a row must be to be moved.")
    max_rejects: int = Field(
        default=10_000, ge=0, description="A run with more rejected rows stops; what was committed stays."
    )
    batch_rows: int = Field(default=500, ge=1, le=50_000, description="Rows of one transaction.")


def judge(file: MigrationFile) -> Iterator[Finding]:
    """What is wrong with one file."""
    if file.source.dialect != file.target.dialect:
        yield Finding(
            "target.dialect",
            f"Rows move between databases of one kind, and the source is {file.source.dialect}.",
            "Bring them into the warehouse, and write them with a file in reverse_etl/.",
        )
    for key, table in (("source", file.source), ("target", file.target)):
        if table.dialect == "mysql" and table.schema_name != "public":
            yield Finding(
                f"{key}.schema", "MySQL has no schemas.", "Remove it; `database` names the database."
            )
    if len(set(file.key)) != len(file.key):
        yield Finding("key", "A column stands twice in the key.", "Remove one.")
    for index, rule in enumerate(file.rules.format):
        try:
            re.compile(rule.pattern)
        except re.error as error:
            yield Finding(
                f"rules.format[{index}].pattern", f"is no regular expression: {error}.", "Correct it."
            )
    yield from _columns(file)


def _columns(file: MigrationFile) -> Iterator[Finding]:
    """Names that must be among the columns, where the file lists them."""
    names = [column.name for column in file.columns]
    if not names:
        return
    for name, count in Counter(names).items():
        if count > 1:
            yield Finding("columns", f"Column '{name}' is written {count} times.", "Remove all but one.")
    rules = file.rules
    used = {
        **{child("key", index): name for index, name in enumerate(file.key)},
        **{child("rules.required", index): name for index, name in enumerate(rules.required)},
        **{f"rules.format[{index}].column": rule.column for index, rule in enumerate(rules.format)},
        **{f"rules.reference[{index}].column": rule.column for index, rule in enumerate(rules.reference)},
        **{
            f"rules.duplicate[{index}][{place}]": name
            for index, listed in enumerate(rules.duplicate)
            for place, name in enumerate(listed)
        },
    }
    for key, name in used.items():
        if name not in names:
            yield Finding(
                key,
                f"'{name}' is no column of this file.",
                suggest(name, names, otherwise="Add it to columns."),
            )
