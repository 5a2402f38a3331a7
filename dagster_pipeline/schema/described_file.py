"""What a file of any kind says of itself, and who answers for it.

Does not belong here: `group`, whose default is the kind's own; when the work is due (`scheduled_file`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dagster_pipeline.schema.field_types import FormatVersion, Model, Owner, TagName, TagValue


class DescribedFile(Model):
    """The head of every file."""

    version: FormatVersion = Field(description="Version of the file format.")
    description: str = Field(
        default="", description="What it is; shown in the UI, and the comment of the table that it makes."
    )
    owners: Annotated[tuple[Owner, ...], Field(strict=False)] = Field(
        default=(), description="Who is asked about it: e-mail addresses or team:name."
    )
    tags: dict[TagName, TagValue] = Field(default_factory=dict, description="Labels to filter by in the UI.")
    enabled: bool = Field(default=True, description="false: no asset and no schedule.")
