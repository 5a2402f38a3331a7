"""Kinds of values that stand in a table file: each with its rule, and with its shape in the JSON Schema.

A rule raises `ValueError(what, what to write instead)`, which `shape_messages` turns into a finding.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from dagster_pipeline.schema import naming, times
from dagster_pipeline.schema.duration import DURATION_PATTERN, format_duration, parse_duration


class Model(BaseModel):
    """Base of all models of the file: frozen, strict, no unknown key."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    described_as: ClassVar[str] = "a table file"
    """What a file of this model is called in messages."""


FORMAT_VERSION = 1


def _known_version(value: Any) -> Any:
    if value != FORMAT_VERSION or not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(
            f"is '{value}', which is no version of the file format.", f"Write version: {FORMAT_VERSION}."
        )
    return value


FormatVersion = Annotated[
    Literal[1], BeforeValidator(_known_version), WithJsonSchema({"const": FORMAT_VERSION})
]

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema({"type": ["string", "integer"], "pattern": DURATION_PATTERN, "minimum": 0}),
]
Identifier = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1F\x7F]+$")]
Names = Annotated[tuple[Identifier, ...], Field(strict=False)]
_MINUTE = timedelta(seconds=60)


def _at_least_a_minute(value: timedelta) -> timedelta:
    if value < _MINUTE:  # dagster's FreshnessPolicy.time_window refuses less
        raise ValueError(
            f"is {format_duration(value)}, which is shorter than a minute.", "The shortest is 60s."
        )
    return value


Freshness = Annotated[Duration, AfterValidator(_at_least_a_minute)]
Cron = Annotated[str, AfterValidator(times.cron)]
TimeZone = Annotated[str, AfterValidator(times.timezone)]
StartDate = Annotated[str, AfterValidator(times.start_date)]
Owner = Annotated[str, AfterValidator(naming.owner)]
ColumnTag = Annotated[str, AfterValidator(naming.column_tag)]
TagName = Annotated[str, AfterValidator(naming.tag_key)]
TagValue = Annotated[str, AfterValidator(naming.tag_value)]
Group = Annotated[str, AfterValidator(naming.group_name)]
CheckName = Annotated[str, AfterValidator(naming.check_name)]
SettingName = Annotated[str, AfterValidator(naming.setting_name)]


def _plain_setting(value: Any) -> Any:
    if not isinstance(value, str | int | float):
        raise ValueError("is no setting.", "Write text, a number, true or false.")  # noqa: TRY004 -- pydantic wants this
    return value


SettingValue = Annotated[
    Any, BeforeValidator(_plain_setting), WithJsonSchema({"type": ["string", "number", "boolean"]})
]


def _sql(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty.", "Write an expression, or remove the key.")
    return value


Sql = Annotated[str, AfterValidator(_sql)]


def _text_or_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("is neither text nor a number.", "Write a text in quotes, or a number.")  # noqa: TRY004 -- pydantic takes ValueError only
    return value


TextOrNumber = Annotated[
    Any, BeforeValidator(_text_or_number), WithJsonSchema({"type": ["string", "number"]})
]

_SHARE = re.compile(r"^([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%$")


def _share(value: Any) -> Any:
    """`1%` as 0.01."""
    found = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"is '{str(value)[:40]}', which is no share.", "Write a percentage, e.g. 5%.")
    return float(found[1]) / 100


Share = Annotated[
    float,
    BeforeValidator(_share),
    PlainSerializer(lambda share: f"{share * 100:g}%", when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _SHARE.pattern}),
]
