"""Changes of a file that the table's structure does not show, and what they leave as it is in rows that are there. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_pipeline.change_plan.steps import FULL_REFRESH, rebuilt_by_every_run
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.sync.loaded_as import CLEAR, CURSOR, MASK, WHERE, aspects, left_behind


def older_rows(schema: TableSchema, loaded_as: tuple[str, ...]) -> Iterator[str]:
    """A sentence for each; `loaded_as` is what the state store keeps of the table and each of its partitions."""
    if rebuilt_by_every_run(schema):
        return
    found: dict[str, set[str]] = {}
    for text in loaded_as:
        for name, values in left_behind(text, schema):
            found.setdefault(name, set()).update(values)
    cure = "load the partitions again" if schema.partitions is not None else FULL_REFRESH
    for name, before in sorted(found.items()):
        yield f"{_what(name, sorted(before), aspects(schema))} {cure[0].upper()}{cure[1:]}."


def _what(name: str, before: list[str], now: dict[str, str]) -> str:
    if name == WHERE:
        return (
            "source.where is another than the rows there were loaded with: rows that it leaves out now stay, and rows that it "
            "lets in now come only when they change."
        )
    if name == CURSOR:
        was = ", ".join(value or "none" for value in before)
        return (
            f"sync.cursor was {was} for rows that are there: the remembered position is a value of that column, and the "
            "next run would go on from it."
        )
    column = name.removeprefix(MASK)
    if CLEAR in before:
        return f"{column}: rows that are there keep their clear values; only rows that are loaded from now on are masked."
    if not now[name]:
        return f"{column}: rows that are there stay masked ({', '.join(before)}); rows that are loaded from now on are clear."
    return f"{column}: rows that are there keep what {', '.join(before)} made of them, which compares with nothing new."
