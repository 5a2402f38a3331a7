"""What a table is made of, in ClickHouse's own canonical words, so that two tables can be compared as plain values.

Pure: `catalog` fills these in by asking a server. An engine clause is cut at its keywords; both sides of a comparison
come from ClickHouse's own formatter, so nothing here needs to understand an expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_FAMILY = re.compile(r"(?P<copies>Replicated|Shared)?(?P<family>\w+)(?:\((?P<arguments>.*)\))?", re.DOTALL)
_CLAUSE = re.compile(r" (PARTITION BY|PRIMARY KEY|ORDER BY|SAMPLE BY|TTL|SETTINGS|COMMENT) ")
_PIECE = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """A column: canonical type, default expression, and whether a key of the table uses it."""

    name: str
    type: str
    default: str = ""
    comment: str = ""
    in_key: bool = False


@dataclass(frozen=True, slots=True)
class EngineShape:
    """What stands behind `ENGINE =`.

    Attributes:
        family: engine name without `Replicated` or `Shared`.
        arguments: the columns that it takes.
        replicated: rows have copies on other servers.
        order_by, partition_by, ttl: canonical text, empty for none.
        settings: as printed.
    """

    family: str
    arguments: tuple[str, ...]
    replicated: bool
    order_by: str
    partition_by: str
    ttl: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TableShape:
    """One table."""

    columns: tuple[ColumnShape, ...]
    engine: EngineShape
    comment: str

    def column(self, name: str) -> ColumnShape | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


def parse_engine(text: str) -> EngineShape:
    """Cut an engine clause as ClickHouse prints it, e.g. `system.tables.engine_full`."""
    clauses = _clauses(text)
    matched = _FAMILY.fullmatch(clauses[""].strip())
    if matched is None:
        raise ValueError(f"not an engine clause: {text!r}")
    arguments = (argument.strip() for argument in split_list(matched["arguments"] or ""))
    settings = (setting.partition("=") for setting in split_list(clauses.get("SETTINGS", "")))
    return EngineShape(
        family=matched["family"],
        arguments=tuple(
            argument.strip("`") for argument in arguments if argument and not argument.startswith("'")
        ),
        replicated=matched["copies"] is not None,
        order_by=_key(clauses.get("ORDER BY", "")),
        partition_by=_key(clauses.get("PARTITION BY", "")),
        ttl=clauses.get("TTL", ""),
        settings={name.strip(): value.strip() for name, _, value in settings if name},
    )


def split_list(text: str) -> list[str]:
    """Cut at the commas that stand outside of quotes and brackets."""
    parts = [""]
    for piece, depth in _pieces(text):
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts if part.strip()]


def _key(text: str) -> str:
    """A key without brackets around all of it: `(id)` is `id`, and `tuple()` is none."""
    if text == "tuple()":
        return ""
    depths = [depth for _, depth in _pieces(text)]
    is_enclosed = text.startswith("(") and text.endswith(")") and 0 not in depths[1:-1]
    return text[1:-1] if is_enclosed else text


def _clauses(text: str) -> dict[str, str]:
    """The text between the keywords; what stands before the first has the key ''."""
    masked = "".join(
        piece if depth == 0 and len(piece) == 1 else "\0" * len(piece) for piece, depth in _pieces(text)
    )
    starts = list(_CLAUSE.finditer(masked))
    ends = [*(start.start() for start in starts), len(text)]
    found = {"": text[: ends[0]]}
    for start, end in zip(starts, ends[1:], strict=True):
        found[start[1]] = text[start.end() : end].strip()
    return found


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    """Characters and whole quoted pieces, each with the depth of brackets around it."""
    depth = 0
    for piece in _PIECE.findall(text):
        if piece in (")", "]", "}"):
            depth -= 1
        yield piece, depth
        if piece in ("(", "[", "{"):
            depth += 1
