"""The one registration point: what Dagster loads. `location.py` says what there is."""

from __future__ import annotations

from dagster_pipeline.execution.loading import loading_for_good

with loading_for_good():
    from dagster_pipeline.location import build_definitions
    from dagster_pipeline.settings import Settings

    defs = build_definitions(Settings.from_environment())

__all__ = ["build_definitions", "defs"]
