"""What rows that stand in a table may have been loaded under, where its structure does not show it: filter, cursor, masks.

The state store keeps it as a text beside the cursor; a load that replaces the rows begins it anew, any other adds to it. So
`plan` can say that a change of the file leaves older rows as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from dagster_pipeline.schema.models import Mask, TableSchema

CLEAR = ""
"""No mask, no filter, no cursor."""
WHERE, CURSOR, MASK = "where", "cursor", "mask "


def aspects(schema: TableSchema) -> dict[str, str]:
    """What a load of the file stands for, of every column that is stored. A filter is a digest: its text may hold values."""
    where = schema.source.where
    return {
        WHERE: hashlib.sha256(where.encode()).hexdigest()[:12] if where else CLEAR,
        CURSOR: schema.sync.cursor or CLEAR,
        **{
            f"{MASK}{column.name}": f"{column.mask or CLEAR} {column.mask_key or ''}".strip()
            for column in schema.columns
            if column.mask is not Mask.DROP
        },
    }


def remembered(before: str, schema: TableSchema, *, replaces: bool) -> str:
    """What to keep after a load; `replaces`: no row of earlier loads is left."""
    known: dict[str, list[str]] = json.loads(before) if before and not replaces else {}
    for name, value in aspects(schema).items():
        known[name] = sorted({*known.get(name, ()), value})
    return json.dumps(known, sort_keys=True)


def left_behind(text: str, schema: TableSchema) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each aspect of which rows stand there that the file does not want any more, with what they were loaded under."""
    known: dict[str, list[str]] = json.loads(text) if text else {}
    for name, value in aspects(schema).items():
        others = tuple(other for other in known.get(name, ()) if other != value)
        if others:
            yield name, others
