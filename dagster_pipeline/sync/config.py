"""What a person may ask of one run; the defaults are what a schedule asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SyncConfig:
    """Choices for one run.

    Attributes:
        full_refresh: read the whole table into a staging table and exchange, whatever the mode says.
        allow_shrink: let a full refresh replace the table by a much smaller one.
        allow_deletes: mark also more rows as deleted than `sync.max_delete` allows.
    """

    full_refresh: bool = False
    allow_shrink: bool = False
    allow_deletes: bool = False
