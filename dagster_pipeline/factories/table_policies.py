"""A table file's retries, freshness and partitions as Dagster's own policies."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

import dagster as dg

from dagster_pipeline.schema.models import Retries, TableSchema


class HasPolicies(Protocol):
    """A file of any kind that says when to try again, and when what it makes is late."""

    @property
    def retries(self) -> Retries:
        """How often and when."""

    @property
    def freshness(self) -> timedelta | None:
        """The greatest age of the last success."""


def retry_policy(schema: HasPolicies) -> dg.RetryPolicy | None:
    """How Dagster retries a passing error; `None` when the file says `max: 0`."""
    return retry_policy_of(schema.retries)


def retry_policy_of(retries: Retries) -> dg.RetryPolicy | None:
    """The same for a file of any kind."""
    if retries.max == 0:
        return None
    return dg.RetryPolicy(
        max_retries=retries.max,
        delay=retries.delay.total_seconds(),
        backoff=dg.Backoff.EXPONENTIAL if retries.backoff == "exponential" else dg.Backoff.LINEAR,
        jitter=dg.Jitter.PLUS_MINUS if retries.jitter else None,
    )


def freshness_policy(schema: HasPolicies) -> dg.FreshnessPolicy | None:
    """The table is late when its last success is older than `freshness`."""
    return None if schema.freshness is None else dg.FreshnessPolicy.time_window(fail_window=schema.freshness)


def backfill_policy(schema: TableSchema) -> dg.BackfillPolicy | None:
    """A backfill is one run for each range of partitions without a gap: cheaper than one for each partition."""
    return None if schema.partitions is None else dg.BackfillPolicy.single_run()
