"""What is said of a refused value: pydantic's error kinds (docs.pydantic.dev/latest/errors) in plain words.

No sentence here names a type of the programming language: the readers write YAML.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dagster_pipeline.schema.finding import Finding, child, closest, listed, suggest

Step = str | int

_NUMBERED = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "tuple_type": "a list",
    "dict_type": "a map of keys",
    "model_type": "a map of keys",
}
_EXAMPLES = {
    "columns": "Write each as `- {name: id, type: bigint}`.",
    "checks": "Write each as `- not_null: [id]` or another check.",
    "retries": "Write e.g. {max: 3, delay: 30s}.",
    "sync": "Write e.g. {mode: incremental, cursor: updated_at}.",
    "tags": "Write e.g. {domain: billing}.",
    "schedule": 'Write e.g. "*/15 * * * *", or {cron: "0 3 * * *", timezone: UTC}.',
    "routes": "Write each as `- send_to: [slack]`, with a `match:` before it.",
    "match": "Write e.g. {severity: [error], tags: {domain: billing}}.",
    "send_to": "Write e.g. [slack, email].",
    "quiet_hours": 'Write e.g. {from: "22:00", to: "07:00", timezone: UTC}.',
    "escalate": "Write e.g. {after: 2h, send_to: [email]}.",
    "partitions": 'Write e.g. {by: created_at, every: day, start: "2024-01-01"}.',
}

_SEE_TEMPLATE = "Compare it with schemas/templates/table_schema_template.yml."
_BY_KIND = {
    "string_type": "Write one text behind the colon.",
    "int_type": "Write one whole number.",
    "float_type": "Write one number.",
    "tuple_type": "Write a list: [first, second].",
    "dict_type": "Write a map: {key: value}.",
    "model_type": "Write its keys below it, each on a line of its own and indented.",
}
"""What to write where a value of another kind is wanted, and no example of the key says it better."""


def finding_of(model: type[BaseModel], details: ErrorDetails, steps: tuple[Step, ...], key: str) -> Finding:
    """The finding for one error of pydantic."""
    if details["type"] == "missing":
        return _missing(steps, key)
    if details["type"] == "extra_forbidden":
        return _unknown_key(known_keys(model, details["loc"][:-1]), _owner(model, steps[:-1]), steps, key)
    if details["input"] is None:
        is_word = "null" in allowed_values(details)
        todo = (
            'Write "null" in quotes: without them YAML means no value.'
            if is_word
            else "Write one, or remove the key."
        )
        return Finding(key, f"`{key}` has no value.", todo)
    return _refused_value(details, steps, key)


def known_keys(model: type[BaseModel], loc: tuple[Step, ...]) -> tuple[str, ...]:
    """The keys that may stand where pydantic's steps lead, as files spell them; empty for a map of free keys."""
    reached = [found for _, found in _followed(model, loc)]
    last = reached[-1] if reached else model
    return () if last is None else tuple(_fields(last))


def without_tags(model: type[BaseModel], loc: tuple[Step, ...]) -> tuple[Step, ...]:
    """Pydantic's steps as the file has them: it also names the way that a key such as `kind` chose."""
    return tuple(step for step, _ in _followed(model, loc) if step is not None)


def _followed(
    model: type[BaseModel], loc: tuple[Step, ...]
) -> Iterator[tuple[Step | None, type[BaseModel] | None]]:
    """Each step, `None` for one that only names a way, with the model that it leads to."""
    current: type[BaseModel] | None = model
    ways: dict[str, type[BaseModel]] = {}
    for step in loc:
        if ways:
            current, ways = ways.get(str(step)), {}
            yield None, current
            continue
        if current is not None and not isinstance(step, int):
            field = _fields(current).get(step)
            ways = _ways(field) if field else {}
            current = _model_in(field.annotation) if field and not ways else None
        yield step, current


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _ways(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """The models of which a key of the map itself chooses one, by that key's words."""
    by = field.discriminator
    if not isinstance(by, str):
        return {}
    members = [found for part in get_args(field.annotation) if (found := _model_in(part)) is not None]
    return {word: member for member in members for word in get_args(member.model_fields[by].annotation)}


def allowed_values(details: ErrorDetails) -> list[str]:
    """The words that an enum or literal allows."""
    return re.findall(r"'([^']*)'", str(details.get("ctx", {}).get("expected", "")))


def quotable_text(value: Any) -> str | None:
    """The text that a number or switch was probably meant as."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {Annotated, Union, types.UnionType, tuple}:
        return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
    return None


def _refused_value(details: ErrorDetails, steps: tuple[Step, ...], key: str) -> Finding:
    kind = details["type"]
    if kind in {"enum", "literal_error"}:
        return _not_allowed(details, key)
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _unknown_way(details, key)
    if kind == "value_error":
        what, todo = (*_reasons(details), "")[:2]
        return Finding(key, f"`{key}` {what}", todo)
    if kind in _WANTED:
        what = f"`{key}` is {_described(details['input'])}, but must be {_WANTED[kind]}."
        return Finding(key, what, _cure(details, steps))
    return _bound(details, key)


def _missing(steps: tuple[Step, ...], key: str) -> Finding:
    if steps == ("version",):
        return Finding(key, "`version` is missing.", "Write version: 1 on the first line.")
    if steps == ("columns",):
        return Finding(
            key, "`columns` is missing.", "List the source table's columns. " + _EXAMPLES["columns"]
        )
    example = _EXAMPLES.get(str(steps[-1]), "")
    return Finding(key, f"`{key}` is missing.", f"Add it. {example}".strip())


def _unknown_key(known: tuple[str, ...], owner: str, steps: tuple[Step, ...], key: str) -> Finding:
    todo = suggest(str(steps[-1]), known, otherwise=f"Known keys are {listed(known)}.")
    if steps == ("columns",):
        todo = "Columns stand in each table's own file."
    return Finding(key, f"`{str(steps[-1])[:80]}` is not a key of {owner}.", todo)


def _owner(model: type[BaseModel], steps: tuple[Step, ...]) -> str:
    if not steps:
        return str(getattr(model, "described_as", "this file"))
    if isinstance(steps[-1], int):
        return {"columns": "a column", "checks": "a check"}.get(str(steps[-2]), f"`{steps[-2]}`")
    return f"`{steps[-1]}`"


def _unknown_way(details: ErrorDetails, key: str) -> Finding:
    """A map that one of its keys gives its shape, e.g. `by: cursor`."""
    context = details.get("ctx", {})
    by, ways = str(context.get("discriminator", "")).strip("'"), str(context.get("expected_tags", ""))
    if not ways:
        return Finding(key, f"`{key}` does not say `{by}`.", f"Write {by}: and how.")
    return Finding(
        child(key, by), f"`{child(key, by)}` is '{str(context.get('tag'))[:40]}'.", f"Write one of {ways}."
    )


def _not_allowed(details: ErrorDetails, key: str) -> Finding:
    allowed = allowed_values(details)
    what = f"`{key}` is {_described(details['input'])}; allowed are {listed(allowed)}."
    meant = closest(details["input"], allowed) if isinstance(details["input"], str) else None
    return Finding(key, what, f"Did you mean '{meant}'?" if meant else "Write one of them.")


def _reasons(details: ErrorDetails) -> tuple[str, ...]:
    error = details.get("ctx", {}).get("error")
    return tuple(str(argument) for argument in getattr(error, "args", ()))


def _described(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"'{value[:80]}'"
    return "a map of keys" if isinstance(value, Mapping) else "a list"


def _cure(details: ErrorDetails, steps: tuple[Step, ...]) -> str:
    kind, value = details["type"], details["input"]
    if kind == "string_type" and (text := quotable_text(value)) is not None:
        return f'Put it in quotes: "{text}".' if not isinstance(value, float) else "Put it in quotes."
    if kind in {"int_type", "float_type"} and isinstance(value, str) and _NUMBERED.fullmatch(value):
        return f"Write it without quotes: {value}."
    if kind == "bool_type":
        return "Write true or false, without quotes."
    if kind == "tuple_type" and isinstance(value, str):
        return f"Write it as a list: [{value[:80]}]."
    names = [step for step in steps if isinstance(step, str)]
    return _EXAMPLES.get(names[-1] if names else "", _BY_KIND.get(kind, _SEE_TEMPLATE))


_BOUNDS: dict[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "greater_than_equal": lambda limits: ("is too small.", f"The least is {limits['ge']}."),
    "less_than_equal": lambda limits: ("is too large.", f"The greatest is {limits['le']}."),
    "string_too_short": lambda _: ("is empty.", "Write a value, or remove the key."),
    "string_pattern_mismatch": lambda _: ("holds a control character or a line break.", "Remove it."),
    "string_too_long": lambda limits: (
        "is too long.",
        f"At most {limits['max_length']} characters are allowed.",
    ),
    "too_short": lambda _: ("is an empty list.", "Write at least one item, or remove the key."),
}


def _bound(details: ErrorDetails, key: str) -> Finding:
    bound = _BOUNDS.get(details["type"])
    what, todo = bound(details.get("ctx", {})) if bound else ("cannot be understood.", _SEE_TEMPLATE)
    return Finding(key, f"`{key}` {what}", todo)
