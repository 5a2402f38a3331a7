"""`sink:` of an export into BigQuery: one table of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from dagster_pipeline.schema.field_types import Identifier, Model
from dagster_pipeline.schema.finding import Finding


class BigQueryExportSink(Model):
    """A table of BigQuery."""

    kind: Literal["bigquery"] = Field(description="bigquery: a table of BigQuery.")
    connection: Identifier = Field(
        description="Names the variable with the project's address: BIGQUERY_<CONNECTION>_URL."
    )
    dataset: Identifier = Field(description="The dataset.")
    table: Identifier = Field(description="The table.")

    @property
    def full_name(self) -> str:
        """For people."""
        return f"{self.connection}/{self.dataset}.{self.table}"

    def findings(self) -> Iterator[Finding]:
        """What is wrong with these keys among themselves."""
        return iter(())
