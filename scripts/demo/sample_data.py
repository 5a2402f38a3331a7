"""Fills the source databases with deterministic sample data: about 200,000 rows over seven tables.

The data itself is SQL, in `sql/*.rows.sql`.
"""

from __future__ import annotations

from collections.abc import Sequence

from scripts.demo.databases import Database


def fill(sources: Sequence[Database]) -> None:
    """Create the databases anew. Raises `ServerError` when one holds tables that the demo did not make."""
    for source in sources:
        source.fill()
