"""What a person may ask of one run; the defaults are what a schedule asks."""

from __future__ import annotations

from dataclasses import dataclass

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.models import SyncMode, TableSchema


@dataclass(frozen=True, slots=True)
class SyncConfig:
    """Choices for one run.

    Attributes:
        full_refresh: read the whole table into a staging table and exchange, whatever the mode says.
        allow_shrink: let a full refresh, or a partition, be replaced by one that is much smaller.
        allow_deletes: mark also more rows as deleted than `sync.max_delete` allows.
        window_from, window_to: read the rows between these cursor values, both included, once more; the cursor stays.
        limit: begin no further chunk when so many rows were moved; the next run goes on from there.
    """

    full_refresh: bool = False
    allow_shrink: bool = False
    allow_deletes: bool = False
    window_from: str | None = None
    window_to: str | None = None
    limit: int | None = None

    @property
    def overrides_window(self) -> bool:
        """A window was given."""
        return self.window_from is not None or self.window_to is not None


def refuse_senseless(config: SyncConfig, schema: TableSchema, *, by_partition: bool) -> None:
    """Raise `ConfigurationError` for choices that this table cannot follow without losing or doubling rows."""
    if config.overrides_window and (
        by_partition or config.full_refresh or schema.sync.mode is not SyncMode.INCREMENTAL
    ):
        raise ConfigurationError(
            f"{schema.name}: a window can only be read again from a table of mode incremental, and not in a full refresh.",
            todo="Leave window_from and window_to out; choose partitions where the table has some.",
        )
    if config.limit is not None and by_partition:
        raise ConfigurationError(
            f"{schema.name}: a partition is replaced as a whole, so a limit cannot stop its load.",
            todo="Leave limit out, or choose fewer partitions.",
        )
