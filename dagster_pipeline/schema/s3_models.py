"""A file below `schemas/s3/`: objects of a bucket that become rows of one table."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from dagster_pipeline.schema.delivery_models import DeliveryFile
from dagster_pipeline.schema.field_types import Identifier, Model


class ChangedObjects(StrEnum):
    """What happens to an object that was loaded and then replaced by another one of the same key."""

    LOAD = "load"
    SKIP = "skip"
    FAIL = "fail"


class CsvSettings(Model):
    """How lines are taken apart."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = Field(
        default=",", description="Between fields."
    )
    quote: Annotated[str, Field(min_length=1, max_length=1)] = Field(
        default='"', description="Around fields."
    )
    header: bool = Field(
        default=True,
        description="The first line names the columns. Without one, the columns are those of this file, in order.",
    )
    nulls: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=("",),
        description="Unquoted texts that mean no value. In a text column that is not nullable, an empty field is an "
        "empty text.",
    )


class S3Source(Model):
    """Which objects."""

    connection: Identifier = Field(
        description="Names the variable with the bucket's address: S3_<CONNECTION>_URL."
    )
    prefix: str = Field(
        default="", max_length=1_024, description="Only keys that begin so, e.g. events/2024/."
    )
    pattern: str = Field(
        default="*",
        min_length=1,
        max_length=1_024,
        description="Only keys whose rest after the prefix matches: * any text (slashes too), ? one character, [ab].",
    )
    format: Literal["parquet", "csv", "jsonl"] = Field(description="What an object holds.")
    compression: Literal["auto", "none", "gzip", "zstd"] = Field(
        default="auto",
        description="Of csv and jsonl: auto looks at the key's end (.gz, .zst). Parquet says it itself.",
    )
    csv: CsvSettings = Field(default=CsvSettings(), description="Only for csv: how lines are taken apart.")
    changed: Annotated[ChangedObjects, Field(strict=False)] | None = Field(
        default=None,
        description="An object that was loaded and has another ETag or size now: load it too, skip it, or fail. "
        "Default: load with a primary key, else fail, since its rows would be there twice.",
    )
    max_rejects: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="csv: lines with too few or too many fields that an object may have; they are left out and counted.",
    )
    read_by: Literal["pipeline", "warehouse"] = Field(
        default="pipeline",
        description="warehouse: ClickHouse itself reads the objects with its s3() function, and must reach the bucket.",
    )
    parallelism: int = Field(default=4, ge=1, le=16, description="Objects that are loaded at the same time.")


class S3File(DeliveryFile):
    """Objects of a bucket that become rows of one table."""

    source: S3Source = Field(description="Which objects, and how they are read.")

    @property
    def changed(self) -> ChangedObjects:
        """What happens to objects that were replaced."""
        return self.source.changed or (ChangedObjects.LOAD if self.collapses else ChangedObjects.FAIL)
