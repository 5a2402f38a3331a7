"""What a table file means, as frozen and strict models. One description drives DDL, reading, checks, docs and Dagster.

Belongs here: the shape of the file and rules that a single file can be judged by. Does not belong here: reading YAML
(`loader`), what a column type means (`type_mapper`), anything that needs a connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from dagster_pipeline.schema.duration import parse_duration

Dialect = Literal["mysql", "postgres"]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Identifier = Annotated[str, Field(min_length=1, max_length=128)]


class SyncMode(StrEnum):
    """How a table follows its source."""

    INCREMENTAL = "incremental"
    FULL = "full"
    APPEND = "append"


class NullCursor(StrEnum):
    """What happens to rows whose cursor is NULL."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    FAIL = "fail"


class OutOfRange(StrEnum):
    """What happens to values that the ClickHouse type cannot hold."""

    FAIL = "fail"
    NULL = "null"
    CLAMP = "clamp"


class OnDrift(StrEnum):
    """What happens when the source has columns that the file does not name."""

    ADD = "add"
    WARN = "warn"
    FAIL = "fail"


class Deletes(StrEnum):
    """What happens to rows that vanished at the source."""

    IGNORE = "ignore"
    SOFT = "soft"
    MIRROR = "mirror"


class Mask(StrEnum):
    """How a personal value is made unreadable before it leaves the source; `drop` leaves the column out."""

    SHA256 = "sha256"
    HMAC_SHA256 = "hmac_sha256"
    REDACT = "redact"
    DROP = "drop"


class Model(BaseModel):
    """Base of all models of the file: frozen, strict, no unknown key."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_enum_values=False)


class SourceRef(Model):
    """Where a table comes from; every default is filled in by the loader from the file's path."""

    dialect: Dialect
    connection: Identifier
    database: Identifier
    schema_name: str = Field(default="public", alias="schema", description="PostgreSQL schema.")
    table: Identifier
    where: str | None = Field(default=None, description="Extra filter in the source's own SQL.")

    model_config = ConfigDict(populate_by_name=True)

    @property
    def asset_key(self) -> tuple[str, ...]:
        """Key of the external asset that stands for the source table."""
        if self.dialect == "postgres":
            return (self.dialect, self.database, self.schema_name, self.table)
        return (self.dialect, self.database, self.table)


class DestinationRef(Model):
    """Where a table goes and how ClickHouse keeps it."""

    database: Identifier
    table: Identifier
    engine: Literal["ReplacingMergeTree", "MergeTree"]
    order_by: tuple[str, ...]
    partition_by: str | None = None
    ttl: str | None = None
    settings: Mapping[str, str | int | float | bool] = Field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """`database.table`, for people."""
        return f"{self.database}.{self.table}"


class SyncSettings(Model):
    """How a table follows its source."""

    mode: SyncMode
    cursor: str | None = None
    lookback: Duration = timedelta(0)
    settle: Duration = Field(default=timedelta(minutes=5), description="Distance from now that counts as settled where open transactions cannot be seen.")
    null_cursor: NullCursor = NullCursor.FAIL
    deletes: Deletes = Deletes.IGNORE
    on_drift: OnDrift = OnDrift.ADD
    out_of_range: OutOfRange = OutOfRange.FAIL
    chunk_rows: int = Field(default=500_000, ge=1_000, le=50_000_000)
    parallelism: int = Field(default=2, ge=1, le=16)


class Schedule(Model):
    """When a table is due."""

    cron: str
    timezone: str = "UTC"


class Retries(Model):
    """How Dagster retries a run that failed for a passing reason."""

    max: int = Field(default=3, ge=0, le=20)
    delay: Duration = timedelta(seconds=30)
    backoff: Literal["exponential", "linear"] = "exponential"
    jitter: bool = True


class Partitions(Model):
    """How a table is cut into Dagster partitions: by time, or by listed values."""

    by: str
    every: Literal["hour", "day", "week", "month"] | None = None
    start: str | None = None
    values: tuple[str, ...] = ()


class ColumnSchema(Model):
    """One column of the source table."""

    name: Identifier
    type: str = Field(min_length=1, description="The source's own type, as its catalog prints it.")
    nullable: bool = False
    primary_key: bool = False
    immutable: bool = False
    mask: Mask | None = None
    clickhouse_type: str | None = None
    description: str = ""


class TableCheck(Model):
    """One declared check on the destination table.

    Attributes:
        kind: `not_null`, `unique`, `accepted_values`, `row_count` or `sql`.
        columns: what it looks at; empty for `row_count` and `sql`.
        arguments: the rest, by kind: `values`; `min`, `max`; `name`, `query`, `expect`.
    """

    kind: Literal["not_null", "unique", "accepted_values", "row_count", "sql"]
    name: str
    columns: tuple[str, ...] = ()
    severity: Literal["warn", "error"] = "error"
    arguments: Mapping[str, Any] = Field(default_factory=dict)


class TableSchema(Model):
    """One table file, defaults filled in."""

    path: Path
    description: str = ""
    owners: tuple[str, ...] = ()
    tags: Mapping[str, str] = Field(default_factory=dict)
    group: str
    enabled: bool = True
    source: SourceRef
    destination: DestinationRef
    sync: SyncSettings
    schedule: Schedule | None = None
    freshness: Duration | None = None
    retries: Retries = Retries()
    partitions: Partitions | None = None
    columns: tuple[ColumnSchema, ...]
    checks: tuple[TableCheck, ...] = ()
    lines: Mapping[str, int] = Field(default_factory=dict, repr=False, description="Line in the file by key path, e.g. `columns[2].type`.")

    @property
    def name(self) -> str:
        """The table's identity everywhere: `<destination database>/<table>`, also its asset key."""
        return f"{self.destination.database}/{self.destination.table}"

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the primary key's columns, in the file's order."""
        return tuple(column.name for column in self.columns if column.primary_key)

    def column(self, name: str) -> ColumnSchema:
        """The column of that name. Raises `KeyError`."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def line(self, key_path: str) -> int:
        """Line of a key in the file; the nearest enclosing key's when it was not written there, at least 1."""
        while key_path:
            if key_path in self.lines:
                return self.lines[key_path]
            key_path = key_path.rpartition("[" if key_path.endswith("]") else ".")[0]
        return 1

    @model_validator(mode="after")
    def _columns_are_distinct(self) -> TableSchema:
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError("two columns have the same name")
        return self
