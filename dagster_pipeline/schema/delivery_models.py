"""What files about deliveries have in common (objects of a bucket, answers of an API): destination, columns, upkeep.

Belongs here: the shape as a person writes it, with every default. Does not belong here: what one kind adds (`s3_models`,
`api_models`), rules between keys (`rules_delivery`), what a type means.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from dagster_pipeline.schema.check_models import CheckEntry, table_check
from dagster_pipeline.schema.described_file import DescribedFile
from dagster_pipeline.schema.field_types import (
    Group,
    Identifier,
    Model,
    Names,
    SettingName,
    SettingValue,
    Sql,
)
from dagster_pipeline.schema.models import TableCheck
from dagster_pipeline.schema.scheduled_file import ScheduledFile


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


class DeliveryFile(ScheduledFile, DescribedFile):
    """The keys of every such file."""

    group: Group | None = Field(
        default=None, description="Group in the UI. Default: the destination's database."
    )
    destination: DeliveryDestination = Field(description="Where the rows go, and how they are kept there.")
    columns: Annotated[tuple[DeliveredColumn, ...], Field(strict=False, min_length=1)] = Field(
        description="The columns, in the order in which ClickHouse is to have them."
    )

    checks: Annotated[tuple[CheckEntry, ...], Field(strict=False)] = Field(
        default=(), description="What must hold for the table in the warehouse after every run."
    )

    @cached_property
    def table_checks(self) -> tuple[TableCheck, ...]:
        """The checks that the file means."""
        return tuple(table_check(entry) for entry in self.checks)

    @property
    def primary_key(self) -> Names:
        """Names of the key's columns, in the file's order."""
        return tuple(column.name for column in self.columns if column.primary_key)

    @property
    def engine(self) -> str:
        """The table's engine."""
        return self.destination.engine or ("ReplacingMergeTree" if self.primary_key else "MergeTree")

    @property
    def replaces(self) -> bool:
        """Each run brings all that the table is to hold."""
        return False

    @property
    def collapses(self) -> bool:
        """A row that is written again replaces the one that stands there."""
        return self.engine == "ReplacingMergeTree"
