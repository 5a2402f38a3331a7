"""Rows whose key was stored before the file masked it: no load replaces them, since the masked key is another key."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dagster_pipeline.reconcile.difference import Difference
from dagster_pipeline.schema.models import Mask, TableSchema

_HASH = re.compile(r"[0-9a-f]{64}")


def with_clear_key(schema: TableSchema, extra: Sequence[Difference]) -> int:
    """How many of these rows, which only the warehouse has, hold a value in a masked key that no mask makes."""
    masks = [schema.column(name).mask for name in schema.primary_key]
    return sum(any(map(_is_clear, masks, row.own_key)) for row in extra)


def _is_clear(mask: Mask | None, value: str) -> bool:
    if mask is None:
        return False
    return value != "redacted" if mask is Mask.REDACT else _HASH.fullmatch(value) is None
