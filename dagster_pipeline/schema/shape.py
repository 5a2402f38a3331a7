"""Judges a file's tree by its model, and mends what it can, so that later rules can still say what else is wrong.

A mended tree is never used for anything but finding more problems: a file with one problem is refused as a whole.
What the messages say stands in `shape_messages`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dagster_pipeline.schema.finding import Finding, child, closest
from dagster_pipeline.schema.shape_messages import (
    allowed_values,
    finding_of,
    known_keys,
    quotable_text,
    without_tags,
)

_M = TypeVar("_M", bound=BaseModel)
_ROUNDS = 8
# In place of required keys that are missing, while looking for more problems; chosen so that no rule minds them.
_STAND_INS: dict[str, Any] = {"version": 1, "type": "timestamp"}

Step = str | int


@dataclass(slots=True)
class Shape(Generic[_M]):
    """What came out.

    Attributes:
        value: the model, from the mended tree when there were findings; `None` when it could not be mended.
        tree: the tree, mended.
        findings: what is wrong.
        touched: key paths that were mended or taken away; what rules say about them would be noise.
    """

    value: _M | None
    tree: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)


def check_shape(
    model: type[_M], tree: dict[str, Any], *, damaged: Iterable[str] = (), partial: bool = False
) -> Shape[_M]:
    """Judge a tree.

    Args:
        model: what the tree must be.
        tree: plain values; left as it is.
        damaged: key paths that were refused before; nothing more is said about them.
        partial: required keys may be missing, as in a defaults file.
    """
    shape: Shape[_M] = Shape(None, tree, touched=set(damaged))
    for round_number in range(_ROUNDS):
        try:
            shape.value = model.model_validate(shape.tree)
        except ValidationError as error:
            if round_number == 0:
                shape.tree = copy.deepcopy(tree)
            if not _mend_all(model, shape, _root_causes(error, partial=partial)):
                break
        else:
            break
    return shape


def _root_causes(error: ValidationError, *, partial: bool) -> Iterator[ErrorDetails]:
    """The errors that stand for themselves: not a list that is 'too short' since its items were refused."""
    for details in error.errors(include_url=False):
        kind = details["type"]
        if (kind == "missing" and partial) or (kind == "too_short" and details["input"]):
            continue
        yield details


def _mend_all(model: type[BaseModel], shape: Shape[_M], errors: Iterator[ErrorDetails]) -> bool:
    """Note and mend each error; false when nothing more can be done."""
    mended = False
    for details in errors:
        steps = without_tags(model, tuple(step for step in details["loc"] if step != "[key]"))
        key = key_of(steps)
        if key not in shape.touched and not _follows_from_mending(shape, details, key):
            shape.findings.append(finding_of(model, details, steps, key))
        shape.touched.add(key)
        mended |= _mend(model, shape, details, steps)
    return mended


def _follows_from_mending(shape: Shape[_M], details: ErrorDetails, key: str) -> bool:
    """A map as a whole is refused after one of its keys was; the key's own finding says all there is to say."""
    return details["type"] == "value_error" and any(
        touched.startswith(f"{key}.") for touched in shape.touched
    )


def _mend(model: type[BaseModel], shape: Shape[_M], details: ErrorDetails, steps: tuple[Step, ...]) -> bool:
    replacement = _replacement(details)
    holder = _walk(shape.tree, steps[:-1])
    if details["type"] == "missing":
        if steps[-1] in _STAND_INS and isinstance(holder, dict):
            holder[str(steps[-1])] = _STAND_INS[str(steps[-1])]
            return True
        return _take_away(shape, steps[:-1])
    if details["type"] == "extra_forbidden" and isinstance(holder, dict):
        name = str(steps[-1])
        return _rename_or_drop(holder, name, closest(name, known_keys(model, details["loc"][:-1])))
    if replacement is not None and isinstance(holder, dict | list) and _has(holder, steps[-1]):
        holder[steps[-1]] = replacement  # type: ignore[index]  # _has says that the step fits the holder
        return True
    return _take_away(shape, steps)


def _rename_or_drop(holder: dict[str, Any], name: str, meant: str | None) -> bool:
    value = holder.pop(name, None)
    if meant is not None and meant not in holder:
        holder[meant] = value
    return True


def _replacement(details: ErrorDetails) -> Any:
    """The value that was probably meant, `None` when there is none."""
    given = details["input"]
    if details["type"] == "string_type":
        return quotable_text(given)
    if isinstance(given, str):
        if details["type"] in {"enum", "literal_error"}:
            return closest(given, allowed_values(details))
        if details["type"] == "tuple_type":
            return [given]
        if details["type"] == "bool_type":
            return given.lower() in {"true", "yes", "on", "1"}
    return None


def _take_away(shape: Shape[_M], steps: tuple[Step, ...]) -> bool:
    """Remove the nearest enclosing key that is no list item, so that list items keep their numbers."""
    while steps:
        holder = _walk(shape.tree, steps[:-1])
        if isinstance(holder, dict) and steps[-1] in holder:
            shape.touched.add(key_of(steps))
            del holder[str(steps[-1])]
            return True
        if steps[:-1] == ("checks",) and isinstance(holder, list):
            holder[int(steps[-1])] = {"sql": {"name": f"unreadable_check_{steps[-1]}", "query": "SELECT 0"}}
            return True
        steps = steps[:-1]
    return False


def _walk(tree: Any, steps: tuple[Step, ...]) -> Any:
    for step in steps:
        if not _has(tree, step):
            return None
        tree = tree[step]
    return tree


def _has(holder: Any, step: Step) -> bool:
    if isinstance(holder, Mapping):
        return step in holder
    return isinstance(holder, list) and isinstance(step, int) and step < len(holder)


def key_of(steps: tuple[Step, ...]) -> str:
    """A key path from its steps."""
    key = ""
    for step in steps:
        key = child(key, step)
    return key
