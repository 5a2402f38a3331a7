"""What a file says whose work is done again and again: when it is due, when it is late, how it is tried again."""

from __future__ import annotations

from pydantic import Field

from dagster_pipeline.schema.field_types import Freshness, Model
from dagster_pipeline.schema.models import OptionalSchedule, Retries


class ScheduledFile(Model):
    """Stands beside `DescribedFile` in kinds whose work has a schedule, and a freshness that alerts look at."""

    schedule: OptionalSchedule = Field(
        default=None,
        description="When it is due: a cron text, or a map of cron and timezone. Empty takes a default away.",
    )
    freshness: Freshness | None = Field(
        default=None, description="It is late when its last success is older than this, e.g. 2h."
    )
    retries: Retries = Field(default=Retries(), description="How often and when a failed run is tried again.")
