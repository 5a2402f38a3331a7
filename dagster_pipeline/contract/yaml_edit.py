"""Edits of a YAML text that leave everything else as it stands, comments and layout too. Pure.

An edit names a key path; the place in the text comes from PyYAML's own marks. The file's layout is a person's, so a result
must be read again before it is believed: `patched` hands back `None` where it does not read as it should.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from dagster_pipeline.proposal.table_file import flow, scalar
from dagster_pipeline.schema.document import read_document


@dataclass(frozen=True, slots=True)
class SetKey:
    """The key of list item `index` of the top-level list `of` gets a value, whether or not it was there."""

    of: str
    index: int
    key: str
    value: str | bool


@dataclass(frozen=True, slots=True)
class AppendItem:
    """One more map at the end of the top-level list `of`."""

    of: str
    item: tuple[tuple[str, str | bool], ...]


@dataclass(frozen=True, slots=True)
class RemoveItem:
    """List item `index` of the top-level list `of` goes, with the lines that it alone stands on."""

    of: str
    index: int


Edit = SetKey | AppendItem | RemoveItem


@dataclass(frozen=True, slots=True)
class _Splice:
    start: int
    end: int
    text: str


def patched(text: str, edits: Sequence[Edit]) -> str | None:
    """The text with all edits made; `None` when it would not read as the edits want it."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    splices = [_splice(text, root, edit) for edit in edits]
    result = text
    # From the end, so that earlier places stay; of two at one place the first edit comes first.
    for _, splice in sorted(enumerate(splices), key=lambda each: (-each[1].start, -each[0])):
        result = result[: splice.start] + splice.text + result[splice.end :]
    return result if _reads_as_wanted(text, result, edits) else None


def _reads_as_wanted(before: str, after: str, edits: Sequence[Edit]) -> bool:
    old, new = read_document(before, "before"), read_document(after, "after")
    wanted = dict(old.tree)
    for name in {edit.of for edit in edits}:
        items: list[Any] = [dict(item) for item in wanted[name]]
        for edit in edits:
            if isinstance(edit, SetKey):
                items[edit.index][edit.key] = edit.value
        gone = {edit.index for edit in edits if isinstance(edit, RemoveItem)}
        added = [dict(edit.item) for edit in edits if isinstance(edit, AppendItem)]
        wanted[name] = [item for at, item in enumerate(items) if at not in gone] + added
    return not new.problems and new.tree == wanted


def _splice(text: str, root: Any, edit: Edit) -> _Splice:
    items = next(value for key, value in root.value if key.value == edit.of)
    match edit:
        case SetKey():
            return _set(text, items.value[edit.index], edit)
        case AppendItem():
            return _appended(text, items, flow(dict(edit.item)))
        case RemoveItem():
            return _removed(text, items, edit.index)


def _set(text: str, mapping: Any, edit: SetKey) -> _Splice:
    value = scalar(edit.value)
    for key, node in mapping.value:
        if key.value == edit.key:
            return _Splice(node.start_mark.index, node.end_mark.index, value)
    if mapping.flow_style:
        end = mapping.value[-1][1].end_mark.index
        return _Splice(end, end, f", {edit.key}: {value}")
    first, node = mapping.value[0]
    place = _line_end(text, node.end_mark.index)
    return _Splice(place, place, f"\n{' ' * first.start_mark.column}{edit.key}: {value}")


def _appended(text: str, items: Any, item: str) -> _Splice:
    last = items.value[-1]
    if items.flow_style:
        end = last.end_mark.index
        return _Splice(end, end, f", {item}")
    place = _line_end(text, _content_end(text, last))
    dash = _dash(text, items.value[0])
    indent = dash - (text.rfind("\n", 0, dash) + 1)
    return _Splice(place, place, f"\n{' ' * indent}- {item}")


def _removed(text: str, items: Any, index: int) -> _Splice:
    node = items.value[index]
    if items.flow_style:
        if index:
            return _Splice(items.value[index - 1].end_mark.index, node.end_mark.index, "")
        following = items.value[1].start_mark.index if len(items.value) > 1 else node.end_mark.index
        return _Splice(node.start_mark.index, following, "")
    start = text.rfind("\n", 0, _dash(text, node)) + 1
    end = _line_end(text, _content_end(text, node))
    return _Splice(start, min(end + 1, len(text)), "")


def _dash(text: str, node: Any) -> int:
    """Where the hyphen of a block list's item stands."""
    return text.rfind("-", 0, node.start_mark.index)


def _content_end(text: str, node: Any) -> int:
    """Where an item's last word ends; a block's own end mark lies beyond comments and empty lines."""
    while isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return len(text[: node.end_mark.index].rstrip())


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end
