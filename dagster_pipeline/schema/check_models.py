"""The shape of one entry of `checks:` as a person writes it, and the `TableCheck` that it means."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Annotated, Any, Literal, Self, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dagster_pipeline.schema.field_types import (
    CheckName,
    Duration,
    Identifier,
    Model,
    Share,
    Sql,
    TextOrNumber,
)
from dagster_pipeline.schema.models import CheckKind, TableCheck

CHECK_KINDS: tuple[CheckKind, ...] = tuple(kind for kind in get_args(CheckKind) if kind != "masked")
_LONGEST_NAME = 100
_OPTIONS = frozenset({"name", "severity", "blocking", "window", "columns", "column"})

SomeNames = Annotated[tuple[Identifier, ...], Field(strict=False, min_length=1)]


def _table_name(value: str) -> str:
    if [bool(part) for part in value.split("/")] != [True, True]:
        raise ValueError(
            f"is '{value[:80]}', which is no table.", "Write <database>/<table>, e.g. shop/orders."
        )
    return value


TableName = Annotated[str, AfterValidator(_table_name)]


class _Options(Model):
    """What every check may say."""

    name: CheckName | None = Field(default=None, description="Default: made of the kind and the columns.")
    severity: Literal["warn", "error"] = Field(
        default="error", description="warn: the check may fail without failing the table's health."
    )
    blocking: bool = Field(
        default=False,
        description="true: when it fails as an error, the run fails and what depends on the table waits.",
    )


class _WindowedOptions(_Options):
    """What a check of rows may say."""

    window: Literal["all", "new"] = Field(
        default="all", description="new: only rows that the load wrote; a large table is not read again."
    )


class ColumnsCheck(_WindowedOptions):
    """A check of some columns."""

    columns: SomeNames = Field(description="The columns.")


class AcceptedValues(_WindowedOptions):
    """Every value of a column that is not NULL is one of these."""

    column: Identifier = Field(description="The column.")
    values: Annotated[tuple[TextOrNumber, ...], Field(strict=False, min_length=1)] = Field(
        description="All values that may occur."
    )


class Between(_WindowedOptions):
    """Every value of a column that is not NULL is at least `min` and at most `max`."""

    column: Identifier = Field(description="The column.")
    min: TextOrNumber | None = Field(
        default=None, description="The least value; a date or time in quotes, in UTC."
    )
    max: TextOrNumber | None = Field(default=None, description="The greatest value.")

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        _judge_limits(self.min, self.max)
        return self


class Regex(_WindowedOptions):
    """Every value of a column that is not NULL matches a pattern."""

    column: Identifier = Field(description="The column.")
    pattern: Sql = Field(
        description="RE2 pattern, found anywhere in the value: begin with ^ and end with $ to match all."
    )


class Relationship(_WindowedOptions):
    """Every value of a column that is not NULL stands in a column of another table."""

    column: Identifier = Field(description="The column.")
    to: TableName = Field(description="The other table, <database>/<table> as its asset is called.")
    field: Identifier = Field(default="id", description="The column there.")


class RowCount(_WindowedOptions):
    """The table has at least `min` and at most `max` rows, and not many more or less than after the load before."""

    min: Annotated[int, Field(ge=0)] | None = Field(default=None, description="The least number of rows.")
    max: Annotated[int, Field(ge=0)] | None = Field(default=None, description="The greatest number of rows.")
    change: Share | None = Field(
        default=None,
        description="The most that the number may differ from that after the load before, e.g. 20%.",
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.change is not None and self.window == "new":
            raise ValueError("has change and window: new.", "Remove one: change compares whole tables.")
        if self.change is None or self.min is not None or self.max is not None:
            _judge_limits(self.min, self.max)
        return self


class FreshnessCheck(_Options):
    """The newest value of a date or time column is not old."""

    column: Identifier = Field(description="The column; its values are taken as UTC.")
    within: Duration = Field(description="The greatest age of the newest value, e.g. 2h.")


class SqlCheck(_WindowedOptions):
    """A query of your own whose first value must be as expected."""

    name: CheckName = Field(description="The check's name.")
    query: Sql = Field(description="SELECT with one value; {table} stands for the table.")
    expect: TextOrNumber = Field(default=0, description="The value that the query must give.")


def _names_to_map(value: Any) -> Any:
    return {"columns": value} if isinstance(value, list | tuple) else value


def _or_a_list(schema: dict[str, Any]) -> None:
    schema["anyOf"].insert(0, {"type": "array", "items": {"type": "string"}, "minItems": 1})


ColumnsOrMap = Annotated[ColumnsCheck, BeforeValidator(_names_to_map)]


class CheckEntry(Model):
    """One check of the destination table: exactly one of these keys."""

    not_null: ColumnsOrMap | None = Field(
        default=None,
        description="Columns that are never NULL: a list, or a map with options.",
        json_schema_extra=_or_a_list,
    )
    unique: ColumnsOrMap | None = Field(
        default=None,
        description="Columns whose values together occur once only, NULL aside: a list, or a map with options.",
        json_schema_extra=_or_a_list,
    )
    accepted_values: AcceptedValues | None = Field(default=None, description="A column's allowed values.")
    between: Between | None = Field(default=None, description="A column's limits, both included.")
    regex: Regex | None = Field(default=None, description="A pattern for a column's values.")
    relationship: Relationship | None = Field(
        default=None, description="A column's values stand in a column of another table."
    )
    row_count: RowCount | None = Field(default=None, description="Limits for the number of rows.")
    freshness: FreshnessCheck | None = Field(
        default=None, description="How old a column's newest value may be."
    )
    sql: SqlCheck | None = Field(default=None, description="A query of your own.")

    @model_validator(mode="after")
    def _is_one_check(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in CHECK_KINDS) != 1:
            raise ValueError(
                "must be exactly one check.", f"Begin each with '- ' and one of {', '.join(CHECK_KINDS)}."
            )
        return self


def table_check(entry: CheckEntry) -> TableCheck:
    """The check that an entry means; its name stays the same as long as kind and columns do."""
    kind = next(kind for kind in CHECK_KINDS if getattr(entry, kind) is not None)
    check = cast("_Options", getattr(entry, kind))
    columns: tuple[str, ...] = getattr(check, "columns", ()) or tuple(
        filter(None, [getattr(check, "column", "")])
    )
    only_new = getattr(check, "window", "all") == "new"
    arguments = {
        key: value for key, value in dict(check).items() if key not in _OPTIONS and value is not None
    }
    return TableCheck(
        kind=kind,
        name=check.name or _name((kind, *columns, *(("new",) if only_new else ()))),
        columns=columns,
        severity=check.severity,
        blocking=check.blocking,
        only_new=only_new,
        arguments=arguments,
    )


def _judge_limits(low: Any, high: Any) -> None:
    """Raise unless there is a limit, and two of them are of one kind and leave room for a value."""
    if low is None and high is None:
        raise ValueError("has no limit.", "Give min, max or both, e.g. {min: 1}.")
    if low is None or high is None:
        return
    if isinstance(low, str) is not isinstance(high, str):
        raise ValueError(
            "has one limit in quotes and one without.", "Write both as numbers, or both in quotes."
        )
    if low > high:
        raise ValueError(f"has min {low} above max {high}.", "Swap them.")


def _name(parts: tuple[str, ...]) -> str:
    """Kind and columns in letters that a check's name may hold; a digest keeps long and foreign names apart."""
    plain = "_".join(parts)
    name = re.sub(r"[^A-Za-z0-9_]", "_", plain)
    if name == plain and len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9]}_{sha256(plain.encode()).hexdigest()[:8]}"
