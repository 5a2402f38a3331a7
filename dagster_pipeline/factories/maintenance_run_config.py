"""What a person may choose for one run of maintenance, in the launchpad; a schedule chooses only `dry_run`."""

import dagster as dg
from pydantic import Field

_MOST = 1_000_000


def _limit(default: int, what: str) -> int:
    number: int = Field(default=default, ge=0, le=_MOST, description=what)
    return number


class HealthConfig(dg.Config):
    """Limits of the health checks: above the first they warn, above the second they fail."""

    partitions_warn: int = _limit(200, "Partitions of a table from which on to warn.")
    partitions_error: int = _limit(1000, "Partitions of a table from which on to fail.")
    parts_warn: int = _limit(100, "Parts of one partition from which on to warn.")
    parts_error: int = _limit(
        500, "Parts of one partition from which on to fail; at 1,000 inserts slow down."
    )
    backlog_warn: int = _limit(100, "Parts of a table that wait an hour for a merge, from which on to warn.")
    backlog_error: int = _limit(
        1000, "Parts of a table that wait an hour for a merge, from which on to fail."
    )
    mutation_warn_seconds: int = _limit(3600, "Age of an open mutation from which on to warn.")
    mutation_error_seconds: int = _limit(24 * 3600, "Age of an open mutation from which on to fail.")
    detached_warn: int = _limit(0, "Detached parts of a table above which to warn.")
    detached_error: int = _limit(100, "Detached parts of a table above which to fail.")


class OptimizeRunConfig(dg.Config):
    """The budget of one round of merges, and when a merge pays."""

    minutes: float = Field(
        default=30.0, gt=0, le=24 * 60, description="No merge begins that would not be done by then."
    )
    gigabytes: float = Field(
        default=100.0, gt=0, le=_MOST, description="GiB on disk of all partitions that are merged."
    )
    min_duplicates: float = Field(
        default=0.05, ge=0, le=1, description="The share of duplicate rows from which on a merge pays."
    )
    min_parts: int = Field(
        default=10, ge=2, le=10_000, description="The number of parts from which on a merge pays in any case."
    )
    dry_run: bool = Field(default=False, description="Only say what would be merged.")


class CleanUpConfig(dg.Config):
    """What may leave the warehouse, and how old it must be."""

    dry_run: bool = Field(
        default=True, description="Only say what would go. Nothing is changed unless this is false."
    )
    deleted_days: int = Field(
        default=7,
        ge=1,
        le=3650,
        description="Rows marked as deleted stay for so many days, where they are hidden.",
    )
    min_deleted: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Rewrite a partition when so large a share of its rows is marked.",
    )
    purge_minutes: float = Field(
        default=30.0, gt=0, le=24 * 60, description="Begin to purge no further partition after so long."
    )
    staging_days: int = Field(
        default=7,
        ge=1,
        le=3650,
        description="Staging tables of loads that nobody finished stay for so many days.",
    )
    quarantine_days: int = Field(
        default=90, ge=1, le=3650, description="Quarantine tables stay for so many days after their last row."
    )


class AdviceConfig(dg.Config):
    """How long to look at tables."""

    minutes: float = Field(
        default=30.0,
        gt=0,
        le=24 * 60,
        description="Look at no further table after so long; a million rows of each are read.",
    )
