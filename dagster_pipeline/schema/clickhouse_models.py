"""A file below `schemas/clickhouse/`: what another ClickHouse answers to one query becomes a table of ours."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dagster_pipeline.schema.delivery_models import DeliveryFile
from dagster_pipeline.schema.field_types import Identifier, Model, Sql


class ClickHouseQuery(Model):
    """The other ClickHouse, and what it is asked."""

    connection: Identifier = Field(
        description="Names the variable with the server's address: CLICKHOUSE_<CONNECTION>_URL."
    )
    query: Sql | None = Field(default=None, description="The SELECT whose rows are copied.")
    table: Annotated[str, Field(min_length=1, max_length=300)] | None = Field(
        default=None,
        description="In place of a query: the table, e.g. sales.orders, read under FINAL where its engine collapses rows.",
    )


class ClickHouseFile(DeliveryFile):
    """Rows of another ClickHouse that become a table of ours."""

    source: ClickHouseQuery = Field(description="Where the rows are, and how they are asked for.")

    @property
    def replaces(self) -> bool:
        """The query gives every row."""
        return True
