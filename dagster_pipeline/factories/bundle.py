"""What a factory gives to `definitions.py`: Dagster objects of every noun, added with `+`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import dagster as dg


@dataclass(frozen=True)
class Bundle:
    """Definitions of one or more tables."""

    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec] = ()
    asset_checks: Sequence[dg.AssetChecksDefinition] = ()
    jobs: Sequence[dg.JobDefinition | dg.UnresolvedAssetJobDefinition] = ()
    schedules: Sequence[dg.ScheduleDefinition] = ()
    sensors: Sequence[dg.SensorDefinition] = ()

    def __add__(self, other: Bundle) -> Bundle:
        return Bundle(
            **{part.name: (*getattr(self, part.name), *getattr(other, part.name)) for part in fields(self)}
        )
