"""What a dialect says about one source type: how to read it, how ClickHouse stores it, which values do not fit.

The values here stand between the dialect modules and `TypeMapper`, which adds nullability, masks and policy. No rule
of any one type stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Limit:
    """The values of a source type that the stored type cannot hold. SQL of the source with `{column}` in it.

    Attributes:
        violated: true for such a value; false or NULL for every other, NULL included.
        nearest: the nearest value that fits, readable in place of the rule's `read`.
        reason: for people, e.g. `outside 1900-01-01 to 2299-12-31`.
        span: first and last text that fit, when a reader can tell the others by itself: of a day or moment those beyond,
            of a decimal also those with more digits than the stored type.
    """

    violated: str
    nearest: str
    reason: str
    span: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class TypeRule:
    """How one source type travels. `Nullable` is never part of a type here.

    Attributes:
        stored: ClickHouse type of the column.
        text: source SQL of the value's own text; exact, since masks and `clickhouse_type: String` build on it.
        read: source SQL to select.
        wire: ClickHouse type that the wire's bytes are parsed as; empty means `stored`.
        load: ClickHouse expression from the parsed value to the stored one.
        limit: `None` when every value fits.
        low_cardinality: stored as a dictionary.
        is_bytes: `text` is the bytes themselves, not text.
        is_array: has no NULL in ClickHouse; `read` makes a JSON list of texts.
    """

    stored: str
    text: str
    read: str = "{column}"
    wire: str = ""
    load: str = "{column}"
    limit: Limit | None = None
    low_cardinality: bool = False
    is_bytes: bool = False
    is_array: bool = False

    def as_string(self, *, low_cardinality: bool) -> TypeRule:
        """The same source type, kept as its own text."""
        if self.stored == "String":
            return replace(self, low_cardinality=low_cardinality)
        return TypeRule("String", self.text, read=self.text, low_cardinality=low_cardinality)


class TypeRefusedError(Exception):
    """A type, or a wish for another stored type, that cannot be taken. Becomes a `Problem` in `TypeMapper`.

    Attributes:
        what: what is wrong.
        todo: what to write instead.
        about_override: it concerns `clickhouse_type`, not `type`.
    """

    def __init__(self, what: str, *, todo: str = "", about_override: bool = False) -> None:
        super().__init__(what, todo)
        self.what = what
        self.todo = todo
        self.about_override = about_override


def override_refused(source_type: object, wanted: object, allowed: Sequence[str]) -> TypeRefusedError:
    """The error for a `clickhouse_type` that would lose something, or that nothing converts to."""
    return TypeRefusedError(
        f"{source_type} cannot be stored as {wanted} without losing something.",
        todo=f"Leave clickhouse_type away, or write one of: {', '.join((*allowed, 'String'))}.",
        about_override=True,
    )


def unknown_type(name: str, known: Sequence[str], *, dialect: str, todo: str = "") -> TypeRefusedError:
    """The error for a name that the dialect's registry does not have."""
    near = get_close_matches(name, known, n=1, cutoff=0.75)
    hint = f"Did you mean {near[0]}?" if near else todo
    return TypeRefusedError(f"{dialect} has no type {name!r}, or it cannot be copied.", todo=hint)
