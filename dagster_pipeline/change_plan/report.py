"""A plan as text for a terminal, as Markdown for a pull request, and as values for JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from dagster_pipeline.change_plan.steps import Cost
from dagster_pipeline.change_plan.table_plan import TablePlan, Verdict, in_words
from dagster_pipeline.change_plan.volume import Volume

STYLES = {Cost.INSTANT: "green", Cost.REWRITE: "yellow", Cost.RELOAD: "yellow", Cost.REFUSED: "bold red"}
"""Colours of a terminal, by what a step costs."""

Line = tuple[str, str]
"""A style and a text."""


def as_lines(plans: Sequence[TablePlan], *, named: bool) -> Iterator[Line]:
    """Lines with their styles; tables in step are listed only when they were asked for by name."""
    for plan in plans:
        if plan.verdict is Verdict.NOTHING and not plan.warnings and not named:
            continue
        yield "bold", f"{plan.table} {plan.verdict}  ({plan.path})"
        for step in plan.steps:
            yield STYLES[step.cost], f"  {step.cost:<8} {step.what}"
            if step.cure:
                yield "", f"           {step.cure}"
        if plan.load:
            yield "", f"  load     {volume_in_words(plan.load)}"
        for user in plan.used_by:
            yield "bold red", f"  used     {user.column} by {user.user}"
        for warning in plan.warnings:
            yield "yellow", f"  warning  {warning}"
        for note in plan.notes:
            yield "", f"  note     {note}"
    yield "bold", in_words(plans)


def as_markdown(plans: Sequence[TablePlan]) -> str:
    """A comment on a pull request (docs.github.com, 'GitHub Flavored Markdown')."""
    parts = ["## Plan", "", in_words(plans), ""]
    changing = [plan for plan in plans if plan.verdict is not Verdict.NOTHING or plan.warnings]
    for plan in changing:
        parts += [f"### `{plan.table}` {plan.verdict}", "", f"`{plan.path}`", ""]
        if plan.steps:
            parts += ["| cost | what |", "|---|---|"]
            parts += [
                f"| {_marked(step.cost)} | {_cell(step.what)}{_cure(step.cure)} |" for step in plan.steps
            ]
            parts += [""]
        if plan.load:
            parts += [f"Load: {volume_in_words(plan.load)}", ""]
        parts += [f"- **{user.column} is used by** `{user.user}`" for user in plan.used_by]
        parts += [f"- **Warning:** {_plain(warning)}" for warning in plan.warnings]
        parts += [f"- {_plain(note)}" for note in plan.notes]
        statements = [step.statement for step in plan.steps if step.statement]
        if statements:
            fence = "```"
            parts += ["", "<details><summary>DDL</summary>", "", f"{fence}sql"]
            parts += [f"{statement};" for statement in statements] + [fence, "", "</details>"]
        parts += [""]
    return "\n".join(parts).rstrip() + "\n"


def as_data(plans: Sequence[TablePlan]) -> dict[str, Any]:
    """Everything, for JSON."""
    return {"summary": in_words(plans), "tables": [asdict(plan) for plan in plans]}


def volume_in_words(volume: Volume) -> str:
    """`about 5,000,000 rows, 1.3 GB, 10 chunks, 40 s (by 5 past loads of this table), 12 partitions, ...`."""
    if volume.rows is None:
        return "of an unknown number of rows"
    parts = [f"about {volume.rows:,} rows"]
    if volume.bytes is not None:
        parts.append(_bytes(volume.bytes))
    if volume.chunks is not None:
        parts.append(f"{volume.chunks:,} chunk(s)")
    known = volume.seconds is not None
    parts.append(
        f"{_time(volume.seconds or 0)} (by {volume.timed_by})"
        if known
        else "duration unknown: no past load tells"
    )
    if volume.partitions is not None:
        parts.append(f"{volume.partitions:,} partition(s)")
    if volume.parts is not None:
        parts.append(f"at most {volume.parts:,} new part(s)")
    return ", ".join(parts)


def _marked(cost: Cost) -> str:
    return f"**{cost}**" if cost is Cost.REFUSED else str(cost)


def _cure(cure: str) -> str:
    return f"<br>{_plain(cure)}" if cure else ""


def _cell(text: str) -> str:
    """Code in a table's cell."""
    return f"<code>{_plain(text).replace('`', '&#96;')}</code>"


def _plain(text: str) -> str:
    """Text of files and catalogs, in which nothing may become markup."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("|", "&#124;").replace("\n", " ").replace("@", "&#64;")


def _bytes(size: int) -> str:
    number = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if number < 1000:  # noqa: PLR2004 -- SI units
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} TB"


def _time(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004 -- two minutes read better in seconds
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"  # noqa: PLR2004 -- two hours, likewise
