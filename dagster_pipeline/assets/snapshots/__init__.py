"""Point-in-time copies: every enabled file under `schemas/snapshots/`."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.snapshot_factory import snapshots
from dagster_pipeline.factories.snapshot_schedules import snapshot_schedules
from dagster_pipeline.schema.snapshot_files import Snapshot
from dagster_pipeline.settings import Settings


def snapshot_bundle(files: Sequence[Snapshot], settings: Settings) -> Bundle:
    """Assets, checks and schedules of all enabled snapshots."""
    chosen = enabled(files)
    return snapshots(chosen, embedded_warehouse=settings.warehouse_is_embedded) + snapshot_schedules(
        chosen, running=settings.schedules_running
    )


def enabled(files: Sequence[Snapshot]) -> list[Snapshot]:
    """Those that have an asset."""
    return [each for each in files if each.file.enabled]
