"""One source type with hostile values, and how to write a value as text on each side so that the two can be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

COLUMN = "{column}"


def same(text: str) -> object:
    """Texts compare as they are."""
    return text


def as_float(text: str) -> object:
    """Texts of floats compare by the number that they name, sign of zero included; servers spell exponents differently."""
    return float(text).hex()


@dataclass(frozen=True)
class TypeCase:
    """One column type.

    Attributes:
        type: as it stands in a table file.
        stored: the ClickHouse type of a NOT NULL column, as text.
        exact: SQL literals that must arrive as they are.
        coerced: pairs of SQL literals: a value that does not fit, and what `clamp` makes of it.
        ddl: the type in CREATE TABLE, where that is spelled otherwise than `type`.
        clickhouse_type: the override in the table file.
        source_text, warehouse_text: canonical text of `{column}` in each server's own words.
        compare: from a canonical text to what is compared.
        nullable: NULL is among the values.
    """

    type: str
    stored: str
    exact: tuple[str, ...]
    coerced: tuple[tuple[str, str], ...] = ()
    ddl: str = ""
    clickhouse_type: str | None = None
    source_text: str = ""
    warehouse_text: str = "toString({column})"
    compare: Callable[[str], object] = same
    nullable: bool = True

    @property
    def name(self) -> str:
        """For a test's identity."""
        return f"{self.type} as {self.clickhouse_type}" if self.clickhouse_type else self.type

    @property
    def column_ddl(self) -> str:
        """The type in CREATE TABLE."""
        return self.ddl or self.type

    @property
    def is_array(self) -> bool:
        """Stored as an array, which has no NULL."""
        return self.stored.startswith("Array")

    @property
    def is_generated(self) -> bool:
        """The source computes the value itself."""
        return "GENERATED" in self.ddl

    @property
    def takes_null(self) -> bool:
        """A row may hold NULL, and it arrives."""
        return self.nullable and not self.is_array and not self.is_generated
