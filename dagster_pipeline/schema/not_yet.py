"""What the file format already has a word for and this version does not do. Refused, since ignoring it would be a lie.

When one of these is built, its line goes away here and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagster_pipeline.schema.finding import Finding


def not_yet(tree: Mapping[str, Any]) -> Iterator[Finding]:
    """Findings for a table file's or defaults file's own tree."""
    if tree.get("partitions") is not None:
        yield Finding("partitions", "Partitions are not available in this version.", "Remove `partitions`.")
