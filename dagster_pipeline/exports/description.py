"""An export as a text that the state store keeps with its load, so that a later run can finish just what was begun."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from dagster_pipeline.connectors.sink.base_export_sink import Export, ExportColumn, ExportMode
from dagster_pipeline.connectors.sink.export_types import exported_type


def written(export: Export, *, place: str, definition: str) -> str:
    """As one line of JSON, but for its name and comment; `place` and `definition` are digests, see `Position`."""
    return json.dumps(
        {
            "place": place,
            "definition": definition,
            "mode": export.mode,
            "key": export.key,
            "columns": [[column.name, str(column.type), column.description] for column in export.columns],
            "gone": export.carries_deletions,
            "slices": [None if day is None else day.isoformat() for day in export.slices],
            "description": export.description,
        },
        separators=(",", ":"),
    )


def read(text: str, *, load_id: str, comment: str) -> tuple[Export, str, str]:
    """The export with its digests of place and definition, from `written`'s text."""
    said: dict[str, Any] = json.loads(text)
    export = Export(
        load_id=load_id,
        columns=tuple(
            ExportColumn(name, exported_type(type_), about) for name, type_, about in said["columns"]
        ),
        mode=ExportMode(said["mode"]),
        key=tuple(said["key"]),
        carries_deletions=said["gone"],
        description=said["description"],
        comment=comment,
        slices=tuple(None if day is None else date.fromisoformat(day) for day in said["slices"]),
    )
    return export, said["place"], said["definition"]
