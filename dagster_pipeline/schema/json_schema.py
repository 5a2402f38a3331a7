"""The file format as JSON Schema, for editors: made from `file_models`, so it cannot say anything else than the loader.

`schemas/table.schema.json` holds it. Write it anew with `python -m dagster_pipeline.schema.json_schema` after a change
of the models; a test holds that the two are equal. What stands between keys (`rules`) cannot be said here.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from dagster_pipeline.schema.duration import format_duration
from dagster_pipeline.schema.file_models import TableFile


class _FileSchema(GenerateJsonSchema):
    """Durations as files write them."""

    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def table_file_schema() -> dict[str, Any]:
    """The schema of one table file, which may leave to its folder's defaults what is not required here."""
    schema = _without_noise(TableFile.model_json_schema(schema_generator=_FileSchema))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Table file",
        "description": "One table that is kept in step with its source.",
    }


def rendered() -> str:
    """The text of `schemas/table.schema.json`."""
    return json.dumps(table_file_schema(), indent=2) + "\n"


def _without_noise(node: Any) -> Any:
    """Without pydantic's titles, which repeat the keys, and without defaults that say nothing: null, lists, maps."""
    if isinstance(node, list):
        return [_without_noise(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_noise(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and (value is None or isinstance(value, list | dict)))
    }


if __name__ == "__main__":
    sys.stdout.write(rendered())
