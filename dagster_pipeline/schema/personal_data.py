"""Personal data: a column that is tagged `pii.*`, or whose name looks personal, has a mask or a waiver.

`validate` demands it, so a pull request cannot be merged without. A load of the location does not: neither an upgrade of this
project nor a waiver that ends at midnight may stop production.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from dagster_pipeline.errors import Problem
from dagster_pipeline.schema.models import ColumnSchema, Mask, TableCheck, TableSchema
from dagster_pipeline.schema.personal_names import proposed_mask

PERSONAL = "pii."
NOT_PERSONAL = "pii.none"
"""Tag of a column whose name only looks personal."""

_A_WAIVER = "or a waiver: {owner: ..., until: ..., reason: ...}"
CHECK_NAME = "no_clear_values"


def personal_data(today: date) -> Callable[[TableSchema], Iterator[Problem]]:
    """A judge of tables, as of that day."""

    def judge(table: TableSchema) -> Iterator[Problem]:
        for index, column in enumerate(table.columns):
            if column.mask is None and (found := _judge(column, today)) is not None:
                key, what, todo = found
                line = table.line(f"columns[{index}].{key}")
                yield Problem(str(table.path), line, 0, f"column {column.name}: {what}", todo)

    return judge


def is_personal(column: ColumnSchema) -> bool:
    """By its tags; by its name and type where they say nothing."""
    tags = [tag for tag in column.tags if tag.startswith(PERSONAL)]
    if tags:
        return tags != [NOT_PERSONAL]
    return proposed_mask(column.name, column.type) is not None


def _judge(column: ColumnSchema, today: date) -> tuple[str, str, str] | None:
    """Key, what is wrong, what to do; `None` for a column that may stay clear."""
    if not is_personal(column):
        return None
    mask = proposed_mask(column.name, column.type) or Mask.HMAC_SHA256
    if column.waiver is not None:
        if date.fromisoformat(column.waiver.until) >= today:
            return None
        what = f"its waiver ended on {column.waiver.until}, and it holds personal data in clear."
        return "waiver", what, f"Add mask: {mask}, or have {column.waiver.owner} give it a later day."
    tags = ", ".join(tag for tag in column.tags if tag.startswith(PERSONAL))
    if tags:
        what = f"it is tagged {tags} and has no mask."
        return "tags", what, f"Add mask: {mask}; {_A_WAIVER}."
    cures = (f"Add mask: {mask}", _A_WAIVER, f"or tags: [{NOT_PERSONAL}] if no value of it tells a person.")
    return "name", "its name looks personal, and it has no mask.", "; ".join(cures)


def mask_check(table_columns: tuple[ColumnSchema, ...], *, only_new: bool) -> tuple[TableCheck, ...]:
    """The check that every table with masks gets by itself: no value landed that its mask cannot have made."""
    masks = {
        column.name: column.mask.value
        for column in table_columns
        if column.mask is not None and column.mask is not Mask.DROP
    }
    if not masks:
        return ()
    return (
        TableCheck(
            kind="masked",
            name=CHECK_NAME,
            columns=tuple(masks),
            only_new=only_new,
            arguments={"masks": masks},
        ),
    )
