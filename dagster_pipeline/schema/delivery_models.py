"""What files about deliveries have in common (objects of a bucket, answers of an API): destination, columns, upkeep.

Belongs here: the shape as a person writes it, with every default. Does not belong here: what one kind adds (`s3_models`,
`api_models`), rules between keys (`rules_delivery`), what a type means.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dagster_pipeline.schema.field_types import (
    FormatVersion,
    Freshness,
    Group,
    Identifier,
    Model,
    Names,
    Owner,
    SettingName,
    SettingValue,
    Sql,
    TagName,
    TagValue,
)
from dagster_pipeline.schema.models import Retries, ScheduleOrCron, or_a_cron_text


class DeliveredColumn(Model):
    """One column, declared: what arrives has no catalog that could be asked."""

    name: Identifier = Field(description="The column's name in ClickHouse.")
    type: Annotated[str, Field(min_length=1, max_length=10_000)] = Field(
        description="ClickHouse type without Nullable, e.g. Int64, Decimal(20, 4), DateTime64(3, 'UTC'), Array(String)."
    )
    arrives_as: Annotated[str, Field(min_length=1, max_length=1_000)] | None = Field(
        default=None,
        description="The column's name where it comes from; in an API's records a path such as user.address.city. "
        "Default: the name.",
    )
    nullable: bool = Field(default=False, description="The column may be without a value.")
    primary_key: bool = Field(
        default=False, description="Belongs to the key; rows of one key replace each other."
    )
    description: str = Field(default="", description="What the column holds; becomes the column's comment.")


class DeliveryDestination(Model):
    """Where the rows go and how ClickHouse keeps them."""

    database: Identifier = Field(description="ClickHouse database.")
    table: Identifier | None = Field(default=None, description="ClickHouse table. Default: the file's name.")
    engine: Literal["ReplacingMergeTree", "MergeTree"] | None = Field(
        default=None, description="Default: ReplacingMergeTree with a primary key, else MergeTree."
    )
    order_by: Annotated[tuple[Sql, ...], Field(strict=False)] | None = Field(
        default=None, description="Sorting key, columns or expressions. Default: the primary key."
    )
    partition_by: Sql | None = Field(
        default=None, description="Partition expression, e.g. toYYYYMM(happened_at)."
    )
    ttl: Sql | None = Field(default=None, description="When rows leave, e.g. happened_at + INTERVAL 3 YEAR.")
    settings: dict[SettingName, SettingValue] = Field(
        default_factory=dict, description="Engine settings, e.g. index_granularity: 8192."
    )


class DeliveryFile(Model):
    """The keys of every such file."""

    version: FormatVersion = Field(description="Version of the file format.")
    description: str = Field(default="", description="What the table holds; becomes the table's comment.")
    owners: Annotated[tuple[Owner, ...], Field(strict=False)] = Field(
        default=(), description="Who is asked about the table: e-mail addresses or team:name."
    )
    tags: dict[TagName, TagValue] = Field(default_factory=dict, description="Labels to filter by in the UI.")
    group: Group | None = Field(
        default=None, description="Group in the UI. Default: the destination's database."
    )
    enabled: bool = Field(default=True, description="false: no asset and no schedule.")
    destination: DeliveryDestination = Field(description="Where the rows go, and how they are kept there.")
    schedule: ScheduleOrCron | None = Field(
        default=None,
        description="When to look for something new: a cron text, or a map of cron and timezone.",
        json_schema_extra=or_a_cron_text,
    )
    freshness: Freshness | None = Field(
        default=None, description="The table is late when its last success is older than this, e.g. 2h."
    )
    retries: Retries = Field(default=Retries(), description="How often and when a failed run is tried again.")
    columns: Annotated[tuple[DeliveredColumn, ...], Field(strict=False, min_length=1)] = Field(
        description="The columns, in the order in which ClickHouse is to have them."
    )

    @property
    def primary_key(self) -> Names:
        """Names of the key's columns, in the file's order."""
        return tuple(column.name for column in self.columns if column.primary_key)

    @property
    def engine(self) -> str:
        """The table's engine."""
        return self.destination.engine or ("ReplacingMergeTree" if self.primary_key else "MergeTree")

    @property
    def collapses(self) -> bool:
        """A row that is written again replaces the one that stands there."""
        return self.engine == "ReplacingMergeTree"
