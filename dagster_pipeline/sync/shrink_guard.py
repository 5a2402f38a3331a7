"""Refuses to replace rows by far fewer: mostly a source that is empty by accident, not a table that shrank."""

from __future__ import annotations

from dagster_pipeline.errors import ShrinkRefusedError

SHRINK_LIMIT = 0.5
"""What leaves less than this share of the rows needs `allow_shrink`."""


def refuse_shrink(what: str, *, now: int, then: int) -> None:
    """Raise `ShrinkRefusedError` when `then` rows are far fewer than the `now` rows of `what`."""
    if then < now * SHRINK_LIMIT:
        raise ShrinkRefusedError(
            f"This would replace the {now:,} rows of {what} by {then:,}.",
            todo="Nothing was replaced. If the source is right, run it again with allow_shrink: true.",
        )
