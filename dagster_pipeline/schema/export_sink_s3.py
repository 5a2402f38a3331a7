"""`sink:` of an export into a bucket: Parquet below a prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from dagster_pipeline.schema.field_types import Identifier, Model
from dagster_pipeline.schema.finding import Finding

_MEGABYTE = 1_000_000
_UNITS = {"KB": 1_000, "MB": _MEGABYTE, "GB": 1_000_000_000}
_SIZE = re.compile(r"^([0-9]{1,6})(KB|MB|GB)$")
_LEAST, _MOST = _MEGABYTE, 5_000_000_000


def _bytes(value: Any) -> int:
    """`128MB` as a number of bytes."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"is '{str(value)[:40]}', which is no size.", "Write one like 128MB or 1GB.")
    size = int(found[1]) * _UNITS[found[2]]
    if not _LEAST <= size <= _MOST:
        raise ValueError(f"is '{value}', which is out of range.", "Write 1MB to 5GB.")
    return size


FileSize = Annotated[
    int,
    BeforeValidator(_bytes),
    PlainSerializer(lambda size: f"{size // _MEGABYTE}MB", when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _SIZE.pattern}),
]


class S3Partitions(Model):
    """One folder for each span of time."""

    column: Identifier = Field(
        description="Date or time column of the export; its value for a row may not change in mode merge."
    )
    every: Literal["day", "month"] = Field(
        default="day", description="Length of a span; days and months are those of UTC."
    )


class S3ExportSink(Model):
    """Parquet objects below a prefix of a bucket."""

    kind: Literal["s3"] = Field(description="s3: Parquet objects in a bucket.")
    connection: Identifier = Field(
        description="Names the variable with the bucket's address: S3_<CONNECTION>_URL."
    )
    prefix: str = Field(
        min_length=1,
        max_length=512,
        description="Where the objects go, e.g. exports/accounts/; no other export may write there.",
    )
    partition_by: S3Partitions | None = Field(
        default=None, description="Folders by date, <column>=2026-11-21/. Default: none."
    )
    file_size: FileSize = Field(
        default=128 * _MEGABYTE,
        description="An object is ended when it is about this large, 1MB to 5GB.",
        json_schema_extra={"default": "128MB"},
    )
    compression: Literal["zstd", "snappy", "gzip", "none"] = Field(
        default="zstd", description="Of the pages inside the Parquet objects."
    )

    @property
    def full_name(self) -> str:
        """For people."""
        return f"{self.connection}/{self.prefix}"

    def findings(self) -> Iterator[Finding]:
        """What is wrong with these keys among themselves."""
        if not self.prefix.endswith("/") or self.prefix.startswith("/") or "//" in self.prefix:
            todo = f"Write {'/'.join(part for part in self.prefix.split('/') if part) or 'exports/name'}/."
            yield Finding("sink.prefix", f"The prefix '{self.prefix}' is no folder.", todo)
