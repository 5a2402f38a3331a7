"""What a table file means, as frozen and strict models. One description drives DDL, reading, checks, docs and Dagster.

Belongs here: the resolved table, every default filled in, and the parts that a file writes in the same shape. Does not
belong here: what only the file's shape needs (`file_models`), reading YAML (`loader`), rules between keys (`rules_*`),
what a column type means (`type_mapper`), anything that needs a connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from dagster_pipeline.schema.field_types import (
    ColumnTag,
    Cron,
    Duration,
    Identifier,
    Model,
    Names,
    Owner,
    Share,
    StartDate,
    TimeZone,
)
from dagster_pipeline.schema.finding import enclosing
from dagster_pipeline.schema.triggers import Trigger

Dialect = Literal["mysql", "postgres"]


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


class OnBadRow(StrEnum):
    """What happens to rows that cannot be represented in ClickHouse."""

    FAIL = "fail"
    QUARANTINE = "quarantine"


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


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)  # it follows from another key, which JSON Schema cannot say


class SourceRef(Model):
    """Where a table comes from; every default is filled in by the loader from the file's path."""

    dialect: Dialect = Field(description="Kind of source database.")
    connection: Identifier = Field(description="Connection; names the environment variable of the address.")
    database: Identifier = Field(description="Source database, the folder's name.")
    schema_name: Identifier = Field(default="public", alias="schema", description="PostgreSQL schema.")
    table: Identifier = Field(description="Source table.")
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

    database: Identifier = Field(description="ClickHouse database.")
    table: Identifier = Field(description="ClickHouse table.")
    engine: Literal["ReplacingMergeTree", "MergeTree"] = Field(description="Table engine.")
    order_by: Names = Field(description="Sorting key: column names or expressions, in order.")
    partition_by: str | None = Field(default=None, description="Partition expression.")
    ttl: str | None = Field(default=None, description="TTL expression.")
    settings: Mapping[str, str | int | float | bool] = Field(
        default_factory=dict, description="Engine settings."
    )
    distributed: bool = Field(
        default=False, description="In a cluster, a Distributed table stands beside it."
    )

    @property
    def full_name(self) -> str:
        """`database.table`, for people."""
        return f"{self.database}.{self.table}"


class SyncSettings(Model):
    """How a table follows its source."""

    mode: Annotated[SyncMode, Field(strict=False)] = Field(
        default=SyncMode.FULL,
        description="incremental: rows changed since the cursor, needs a primary key. full: the whole table every "
        "time, swapped in at once. append: rows beyond the cursor, for tables whose rows never change. "
        "Default: incremental with a cursor, else full.",
        json_schema_extra=_without_default,
    )
    cursor: Identifier | None = Field(
        default=None,
        description="Column that grows when a row is added or changed; incremental and append need it.",
    )
    lookback: Duration = Field(
        default=timedelta(0),
        description="Read again this much before the cursor, e.g. 10m; date and time cursors only.",
    )
    settle: Duration = Field(
        default=timedelta(minutes=5),
        description="Distance from now that counts as settled where open transactions cannot be seen.",
    )
    null_cursor: Annotated[NullCursor, Field(strict=False)] = Field(
        default=NullCursor.FAIL,
        description="Rows whose cursor is NULL: include reads them every time, exclude leaves them out, fail stops.",
    )
    deletes: Annotated[Deletes, Field(strict=False)] = Field(
        default=Deletes.IGNORE,
        description="Rows that vanished at the source: ignore keeps them, soft marks them, mirror hides them.",
    )
    max_delete: Share = Field(
        default=0.01,
        description="The share of the table's rows that one run may mark as deleted; above it the run fails.",
        json_schema_extra={"default": "1%"},
    )
    on_drift: Annotated[OnDrift, Field(strict=False)] = Field(
        default=OnDrift.ADD,
        description="Columns that only the source has: add takes them along, warn says so, fail stops the run.",
    )
    out_of_range: Annotated[OutOfRange, Field(strict=False)] = Field(
        default=OutOfRange.FAIL,
        description="Values that the ClickHouse type cannot hold: fail stops; null and clamp replace and count them.",
    )
    on_bad_row: Annotated[OnBadRow, Field(strict=False)] = Field(
        default=OnBadRow.FAIL,
        description="Rows that cannot be represented in ClickHouse: fail stops; quarantine puts their key and the value "
        "at fault into <table>__quarantine and loads all others. Needs a primary key and ReplacingMergeTree.",
    )
    chunk_rows: int = Field(
        default=500_000, ge=1_000, le=50_000_000, description="Rows that are written at once."
    )
    parallelism: int = Field(default=2, ge=1, le=16, description="Chunks that are read at the same time.")

    @model_validator(mode="before")
    @classmethod
    def _mode_follows_from_the_cursor(cls, given: Any) -> Any:
        if isinstance(given, dict) and "mode" not in given and given.get("cursor") is not None:
            return {**given, "mode": SyncMode.INCREMENTAL}
        return given


class Schedule(Model):
    """When a table is due."""

    cron: Cron = Field(description="Five fields: minute, hour, day, month, weekday.")
    timezone: TimeZone = Field(
        default="UTC", description="IANA name of the zone in which the cron text is meant."
    )


def _cron_text_to_map(value: Any) -> Any:
    return {"cron": value} if isinstance(value, str) else value


def or_a_cron_text(schema: dict[str, Any]) -> None:
    """JSON Schema: a schedule may be a text."""
    schema["anyOf"].insert(0, {"type": "string"})


ScheduleOrCron = Annotated[Schedule, BeforeValidator(_cron_text_to_map)]
OptionalSchedule = Annotated[ScheduleOrCron | None, Field(json_schema_extra=or_a_cron_text)]
"""A schedule that may be left out."""


class Reconciliation(Model):
    """When the whole table is held against its source, and what then happens."""

    schedule: OptionalSchedule = Field(
        default=None,
        description="When: a cron text, or a map of cron and timezone. Without one it is started by hand.",
    )
    repair: bool = Field(
        default=False,
        description="Load again what is missing or different, and mark what is gone where deletes are tracked.",
    )
    rows_per_second: Annotated[int, Field(ge=1_000)] | None = Field(
        default=None, description="The most rows that are read from each side in a second; default: no limit."
    )


class Contract(Model):
    """When the table's file is held against the source's catalog and the warehouse's."""

    schedule: OptionalSchedule = Field(
        default=None,
        description="When: a cron text, or a map of cron and timezone. Without one it is started by hand.",
    )


class Retries(Model):
    """How Dagster retries a run that failed for a passing reason."""

    max: int = Field(default=3, ge=0, le=20, description="How often a failed run is tried again.")
    delay: Duration = Field(
        default=timedelta(seconds=30), description="Wait before the first retry, e.g. 30s."
    )
    backoff: Literal["exponential", "linear"] = Field(
        default="exponential", description="How the wait grows from one retry to the next."
    )
    jitter: bool = Field(default=True, description="Vary the wait, so that tables do not retry in step.")


class Partitions(Model):
    """How a table is cut into Dagster partitions: by time, or by listed values."""

    by: Identifier = Field(
        description="Column that says which partition a row belongs to; may not change at the source."
    )
    every: Literal["hour", "day", "week", "month"] | None = Field(
        default=None, description="Length of a time partition."
    )
    start: StartDate | None = Field(
        default=None, description="First day of the first time partition, YYYY-MM-DD."
    )
    values: Names = Field(
        default=(), description="The partitions' values, for partitions that are not by time."
    )


class Waiver(Model):
    """Why a column that looks personal stays clear, and for how long."""

    owner: Owner = Field(description="Who answers for it: an e-mail address or team:name.")
    until: StartDate = Field(description="Last day, YYYY-MM-DD; after it `validate` fails.")
    reason: Annotated[str, Field(min_length=1)] = Field(description="Why the clear value is needed.")


class ColumnSchema(Model):
    """One column of the source table."""

    name: Identifier = Field(description="The column's name at the source.")
    type: Annotated[str, Field(min_length=1, max_length=100_000)] = Field(
        description="The source's own type, as its catalog prints it."
    )
    nullable: bool = Field(default=False, description="The column may be NULL at the source.")
    primary_key: bool = Field(default=False, description="Belongs to the primary key; in the key's order.")
    immutable: bool = Field(
        default=False,
        description="The value of a row never changes, so it may stand in order_by and partition_by.",
    )
    mask: Annotated[Mask, Field(strict=False)] | None = Field(
        default=None,
        description="Make the value unreadable before it leaves the source; drop leaves the column out.",
    )
    mask_key: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,30}$")] | None = Field(
        default=None,
        description="Which key of hmac_sha256: `v2` is the variable MASK_KEY_V2. Default: MASK_KEY.",
    )
    tags: Annotated[tuple[ColumnTag, ...], Field(strict=False)] = Field(
        default=(),
        description="pii.<kind> says that it holds personal data, pii.none that it does not although its name looks so.",
    )
    waiver: Waiver | None = Field(
        default=None, description="Personal data that stays clear for a time, instead of a mask."
    )
    clickhouse_type: Annotated[str, Field(min_length=1, max_length=10_000)] | None = Field(
        default=None,
        description="ClickHouse type in place of the one that follows from `type`; rarely needed.",
    )
    description: str = Field(default="", description="What the column holds; becomes the column's comment.")


CheckKind = Literal[
    "not_null",
    "unique",
    "accepted_values",
    "between",
    "regex",
    "relationship",
    "row_count",
    "freshness",
    "sql",
    "masked",
]


class TableCheck(Model):
    """One declared check on the destination table.

    Attributes:
        columns: what it looks at; empty for `row_count` and `sql`.
        blocking: an error stops what depends on the table, and the run.
        only_new: it looks at the rows that the load wrote, not at the whole table.
        arguments: the rest, by kind: `values`; `min`, `max`; `pattern`; `to`, `field`; `min`, `max`, `change` (a share);
            `within`; `query`, `expect`; `masks` by column (a check that tables get by themselves).
    """

    kind: CheckKind
    name: str
    columns: tuple[str, ...] = ()
    severity: Literal["warn", "error"] = "error"
    blocking: bool = False
    only_new: bool = False
    arguments: Mapping[str, Any] = Field(default_factory=dict)


class TableSchema(Model):
    """One table file, defaults filled in.

    Attributes:
        path: the file, absolute.
        lines: line in the file by key path, e.g. `columns[2].type`; keys that come from a defaults file are not in it.
    """

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
    trigger: Trigger | None = None
    freshness: Duration | None = None
    retries: Retries = Retries()
    partitions: Partitions | None = None
    reconcile: Reconciliation | None = None
    contract: Contract | None = None
    columns: tuple[ColumnSchema, ...]
    checks: tuple[TableCheck, ...] = ()
    lines: Mapping[str, int] = Field(default_factory=dict, repr=False)

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

    @property
    def masked_columns(self) -> frozenset[str]:
        """Columns whose values are never shown."""
        return frozenset(column.name for column in self.columns if column.mask is not None)

    def line(self, key_path: str) -> int:
        """Line of a key in the file; the nearest enclosing key's when it was not written there, at least 1."""
        while key_path:
            if key_path in self.lines:
                return self.lines[key_path]
            key_path = enclosing(key_path)
        return 1
