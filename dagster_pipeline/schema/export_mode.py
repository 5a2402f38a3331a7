"""What an export does with the rows that its destination has."""

from __future__ import annotations

from enum import StrEnum


class ExportMode(StrEnum):
    """What becomes of the rows that the destination has."""

    REPLACE = "replace"
    """They are exchanged for the exported ones."""
    MERGE = "merge"
    """Rows of the same key are replaced, and others stay."""
    APPEND = "append"
    """All stay."""
