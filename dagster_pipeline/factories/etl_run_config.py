"""What a person may choose for one run, in the launchpad."""

import dagster as dg
from pydantic import Field

from dagster_pipeline.sync.config import SyncConfig


class EtlRunConfig(dg.Config):
    """Choices for one run of a table; a schedule makes none."""

    full_refresh: bool = Field(
        default=False,
        description="Read the whole table again into a staging table and exchange it with the live one.",
    )
    allow_shrink: bool = Field(
        default=False,
        description="Let a full refresh, or a partition, be replaced even when less than half of the rows would be left.",
    )
    allow_deletes: bool = Field(
        default=False,
        description="Mark rows that are gone at the source also when they are more than sync.max_delete allows.",
    )
    window_from: str | None = Field(
        default=None,
        max_length=200,
        description="Tables of mode incremental: read again from this cursor value on, as the source writes it, "
        "e.g. 2024-01-31 12:00:00. The cursor stays where it is.",
    )
    window_to: str | None = Field(
        default=None,
        max_length=200,
        description="Tables of mode incremental: read again up to and with this cursor value.",
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000_000,
        description="Begin no further chunk when so many rows were moved; the next run goes on from there. "
        "A full load is shown when it is complete.",
    )
    dry_run: bool = Field(
        default=False,
        description="Show what the run would do: counts, the source's SQL, chunks, DDL, values that would be changed. "
        "Nothing is written, and no materialization recorded; declared checks look at what is there.",
    )

    def choices(self) -> SyncConfig:
        """The engine's own words."""
        return SyncConfig(
            full_refresh=self.full_refresh,
            allow_shrink=self.allow_shrink,
            allow_deletes=self.allow_deletes,
            window_from=self.window_from,
            window_to=self.window_to,
            limit=self.limit,
        )
