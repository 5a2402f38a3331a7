"""Suggestions as a patch of a table file: text in, text out. Pure.

The file is edited by lines and not written anew, so that comments and layout stay as their author has them. A place whose
layout is not understood is left alone; the suggestion then stands as a sentence only.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

import yaml

from dagster_pipeline.maintenance.storage_advice import Suggestion

_INDENT = "  "
_STEP = re.compile(r"[^.\[\]]+")


def patched(text: str, lines: Mapping[str, int], suggestions: Sequence[Suggestion]) -> str:
    """The file with the suggestions in it. `lines`: 1-based line by key path, as `TableSchema.lines` has them.

    Each edit is held against what YAML makes of it: the one key has the one value, and nothing else is different.
    """
    # From the end, so that the lines of what comes before stay true.
    for suggestion in sorted(suggestions, key=lambda one: -_line(lines, one.key)):
        rows = text.splitlines()
        _apply(rows, lines, suggestion)
        edited = "\n".join(rows) + "\n"
        if suggestion.key and _says_just_that(text, edited, suggestion):
            text = edited
    return text


def _says_just_that(before: str, after: str, suggestion: Suggestion) -> bool:
    try:
        wanted, is_ = yaml.safe_load(before), yaml.safe_load(after)
    except yaml.YAMLError:
        return False
    *path, name = _STEP.findall(suggestion.key)
    place = wanted
    for step in path:
        place = place[int(step)] if step.isdigit() else place.setdefault(step, {})
    place[name] = yaml.safe_load(suggestion.value)
    return bool(wanted == is_)


def unified_diff(path: str, before: str, after: str) -> str:
    """The difference as `git apply` takes it; empty when there is none."""
    pieces = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return "".join(pieces)


def _line(lines: Mapping[str, int], key: str) -> int:
    parent = key.rpartition(".")[0]
    return lines.get(key) or lines.get(parent) or 0


def _apply(rows: list[str], lines: Mapping[str, int], suggestion: Suggestion) -> None:
    parent, _, name = suggestion.key.rpartition(".")
    entry = f"{name}: {_quoted(suggestion.value)}"
    if suggestion.key in lines:
        _replace(rows, lines[suggestion.key] - 1, name, entry)
    elif parent in lines:
        _insert(rows, lines[parent] - 1, entry)
    elif parent:
        rows += [f"{parent}:", f"{_INDENT}{entry}"]


def _replace(rows: list[str], at: int, name: str, entry: str) -> None:
    """A key with a line to itself gets another value."""
    row = rows[at]
    if row.lstrip().startswith(f"{name}:") and not row.rstrip().endswith((":", "|", ">")):
        _, mark, said = row.partition(" #")
        rows[at] = row[: len(row) - len(row.lstrip())] + entry + (f"  #{said}" if mark else "")


def _insert(rows: list[str], at: int, entry: str) -> None:
    """Below the parent, or into its braces when they begin and end on its line."""
    row = rows[at].rstrip()
    body = row.lstrip(" -")
    if body.startswith("{") or ": {" in row:
        if row.endswith("}") and row.count("{") == row.count("}"):
            rows[at] = f"{row[:-1]}, {entry}}}"
    elif row.endswith(":"):
        rows.insert(at + 1, " " * (len(row) - len(row.lstrip())) + _INDENT + entry)
    elif row.lstrip().startswith("- "):
        rows.insert(at + 1, " " * (row.index("- ") + 2) + entry)


def _quoted(value: str) -> str:
    """Plain YAML where it is safe in a flow map too; a list of names is one already."""
    is_list = value.startswith("[")
    return (
        value
        if is_list or not set(value) & set(",{}[]#:&*!|>'\"%@`")
        else '"' + value.replace('"', '\\"') + '"'
    )
