"""PostgreSQL's arrays: a JSON list of the elements' texts on the wire, each parsed as its own type in ClickHouse.

Texts, not JSON numbers, because a JSON parser reads numbers as 64-bit floats: decimals and big integers would be lost.
An array's lower bounds (`[0:2]={...}`) are not kept, since ClickHouse's arrays have none.
"""

from __future__ import annotations

from dagster_pipeline.type_mapper.clickhouse_type import ClickHouseType, wrapped
from dagster_pipeline.type_mapper.type_rule import Limit, TypeRefusedError, TypeRule, override_refused
from dagster_pipeline.type_mapper.type_text import TypeText

_TEXTS = "array_to_json({column}::text[])::text"
_PADDED_TEXTS = "array_to_json({column})::text"
"""A cast to text strips the blanks that `character(n)` is padded with; JSON keeps them."""


def array_rule(source_type: TypeText, element: TypeRule, wanted: ClickHouseType | None) -> TypeRule:
    """An array of the element's type. Every value must have the declared number of dimensions."""
    if source_type.name == "money":
        raise TypeRefusedError(
            f"{source_type} cannot be copied as numbers.", todo="Add clickhouse_type: String."
        )
    dimensions = source_type.dimensions
    stored = _nested(
        wrapped(element.stored, nullable=True, low_cardinality=element.low_cardinality), dimensions
    )
    if wanted is not None and str(wanted) != stored:
        raise override_refused(source_type, wanted, (stored,))
    listed = f"JSONExtract(CAST({{column}} AS String), '{_nested('Nullable(String)', dimensions)}')"
    return TypeRule(
        stored,
        "{column}::text",
        read=_PADDED_TEXTS if source_type.name == "character" else _TEXTS,
        wire="String",
        load=_for_each(_parsed(element), listed, dimensions),
        limit=_limit(element, dimensions),
        is_array=True,
    )


def _nested(inner: str, dimensions: int) -> str:
    return "Array(" * dimensions + inner + ")" * dimensions


def _for_each(expression: str, listed: str, dimensions: int) -> str:
    """Apply an expression over `x` to every element, at the depth where elements stand."""
    if expression == "x":
        return listed
    for _ in range(dimensions - 1):
        expression = f"arrayMap(x -> {expression}, x)"
    return f"arrayMap(x -> {expression}, {listed})"


def _parsed(element: TypeRule) -> str:
    """From an element's text `x` to its stored value."""
    if element.is_bytes:
        return "unhex(substring(x, 3))"
    if element.stored == "String":
        return "x"
    if element.stored.startswith("DateTime64"):
        # The function looks at what lies under a NULL too, and that is an empty text.
        parsed = f"parseDateTime64BestEffort(ifNull(x, '1970-01-01'), {element.stored.split('(')[1]}"
        return f"if(isNull(x), NULL, {parsed})"
    return f"CAST(x AS Nullable({element.wire or element.stored}))"


def _limit(element: TypeRule, dimensions: int) -> Limit:
    """Another number of dimensions, or an element that does not fit. The nearest is empty: arrays have no NULL."""
    violated = f"array_ndims({{column}}) <> {dimensions}"
    reason = f"not of {dimensions} dimension(s)"
    if element.limit is not None:
        of_element = element.limit.violated.replace("{column}", "element")
        violated += f" OR EXISTS (SELECT FROM unnest({{column}}) AS element WHERE {of_element})"
        reason += f", or an element {element.limit.reason}"
    return Limit(violated, "'[]'", reason)
