"""Reads `alerts.yml`: into rules, or every problem of it with line, column and cure, as table files have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from dagster_pipeline.alerts.rules import AlertRules, Match, Recipients
from dagster_pipeline.alerts.watched_table import WatchedTable
from dagster_pipeline.errors import SchemaFilesError
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.files import read_file
from dagster_pipeline.schema.finding import Finding, suggest
from dagster_pipeline.schema.shape import check_shape


def load_rules(path: Path, tables: Sequence[WatchedTable] | None) -> AlertRules:
    """The rules of a file; without the file, everything goes to every channel.

    Names in it are held against `tables`, unless these are `None`: not known, since their own files have problems.

    Raises `SchemaFilesError` with every problem of the file.
    """
    if not path.exists() and not path.is_symlink():
        return AlertRules()
    document = read_file(path, shown_path(path), begin="`version: 1` and `routes:`")
    shape = check_shape(AlertRules, document.tree, damaged=document.damaged)
    findings = list(shape.findings)
    if shape.value is not None:
        findings += (each for each in _judge(shape.value, tables) if each.key not in shape.touched)
    problems = [*document.problems, *map(document.problem, findings)]
    if problems or shape.value is None:
        raise SchemaFilesError(problems)
    return shape.value


def _judge(rules: AlertRules, tables: Sequence[WatchedTable] | None) -> Iterator[Finding]:
    yield from _recipients(rules.escalate, "escalate")
    for number, route in enumerate(rules.routes):
        key = f"routes[{number}]"
        yield from _recipients(route, key)
        yield from _recipients(route.escalate, f"{key}.escalate")
        if tables is not None:
            yield from _names(route.match, tables, f"{key}.match")
        if route.match.takes_all and number + 1 < len(rules.routes):
            yield Finding(
                f"routes[{number + 1}]",
                f"No alert comes this far: routes[{number}] takes all.",
                "Move the route that takes all to the end.",
            )
            break


def _recipients(given: Recipients | None, key: str) -> Iterator[Finding]:
    if given is None:
        return
    for channel, name in (("slack", "slack_channel"), ("email", "email_to")):
        if getattr(given, name) and channel not in given.send_to:
            yield Finding(
                f"{key}.{name}",
                f"`{key}.{name}` is given, and `send_to` does not name {channel}.",
                f"Add {channel} to send_to, or remove {name}.",
            )


def _names(match: Match, tables: Sequence[WatchedTable], key: str) -> Iterator[Finding]:
    """Names that no table has: a route that can never take an alert is a mistake in it."""
    owners = {owner for table in tables for owner in table.owners}
    tags = {f"{name}: {value}" for table in tables for name, value in table.tags.items()}
    yield from _unknown(match.owners, owners, f"{key}.owners", "owner")
    yield from _unknown(match.groups, {table.group for table in tables}, f"{key}.groups", "group")
    for name, value in match.tags.items():
        yield from _unknown([f"{name}: {value}"], tags, f"{key}.tags.{name}", "tag", at=lambda _: "")
    for number, pattern in enumerate(match.tables):
        if not any(fnmatchcase(table.name, pattern) for table in tables):
            todo = suggest(pattern, (table.name for table in tables), otherwise="Write database/table.")
            yield Finding(f"{key}.tables[{number}]", f"No table is called '{pattern}'.", todo)


def _unknown(
    words: Iterable[str],
    known: set[str],
    key: str,
    what: str,
    *,
    at: Callable[[int], str] = lambda number: f"[{number}]",
) -> Iterator[Finding]:
    for number, word in enumerate(words):
        if word not in known:
            todo = suggest(word, sorted(known), otherwise=f"Write {what}s that table files have.")
            yield Finding(f"{key}{at(number)}", f"No table file has the {what} '{word}'.", todo)
