"""`sink:` of an export into BigQuery: one table of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from dagster_pipeline.schema.field_types import Identifier, Model
from dagster_pipeline.schema.finding import Finding, child

_MOST_CLUSTERED = 4


class BigQueryPartitions(Model):
    """One partition for each span of time."""

    column: Identifier = Field(description="Date or time column of the export.")
    every: Literal["hour", "day", "month", "year"] = Field(
        default="day", description="Length of a span in UTC; a table of BigQuery has at most 10,000."
    )


class BigQueryExportSink(Model):
    """A table of BigQuery."""

    kind: Literal["bigquery"] = Field(description="bigquery: a table of BigQuery.")
    connection: Identifier = Field(
        description="Names the variable with the project's address: BIGQUERY_<CONNECTION>_URL."
    )
    dataset: Identifier = Field(description="The dataset.")
    table: Identifier = Field(description="The table; created when it is not there.")
    location: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="Where the dataset is, e.g. EU; the run fails when it is elsewhere. Default: what the URL says, "
        "else wherever it is.",
    )
    partition_by: BigQueryPartitions | None = Field(
        default=None, description="How the table is cut when we create it. Default: not at all."
    )
    cluster_by: Annotated[tuple[Identifier, ...], Field(strict=False)] = Field(
        default=(),
        description="Up to four columns by which the table is sorted when we create it; for a merge, its key.",
    )

    @property
    def full_name(self) -> str:
        """For people."""
        return f"{self.connection}/{self.dataset}.{self.table}"

    def findings(self) -> Iterator[Finding]:
        """What is wrong with these keys among themselves."""
        if len(self.cluster_by) > _MOST_CLUSTERED:
            what = f"BigQuery clusters by at most {_MOST_CLUSTERED} columns."
            yield Finding("sink.cluster_by", what, "Keep the ones that readers filter by.")
        for index, name in enumerate(self.cluster_by):
            if name in self.cluster_by[:index]:
                at = child("sink.cluster_by", index)
                yield Finding(at, f"'{name}' stands there twice.", "Remove one.")
