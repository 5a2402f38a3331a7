"""The seam between SQL that both source databases share and the words that only one of them knows.

A dialect renders; it never connects. What belongs here: the few pieces of text that `predicates` and `select_list`
put together. What does not: catalogs, sessions and anything with a driver.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dagster_pipeline.connectors.digest import RangeChecksum


@dataclass(frozen=True, slots=True)
class ComparedColumn:
    """A column that a window or a key range compares.

    Attributes:
        name: as the catalog has it.
        literal_type: the type that a value's text is read as, without length or precision: a value that was rounded
            to the column's precision would move the bound.
        nullable: as the catalog has it.
    """

    name: str
    literal_type: str
    nullable: bool


class SqlDialect(ABC):
    """One quoter, one literal renderer and one way to compare keys.

    Attributes:
        range_checksum: what `range_digest` computes.
    """

    range_checksum: ClassVar[RangeChecksum] = RangeChecksum.XOR_OF_ROWS

    @abstractmethod
    def quote(self, name: str) -> str:
        """An identifier."""

    @abstractmethod
    def text(self, value: str) -> str:
        """A string literal."""

    def either(self, condition: str, then: str, otherwise: str) -> str:
        """`then` where the condition holds, `otherwise` where it does not or is NULL; of the type of `otherwise`."""
        return f"CASE WHEN {condition} THEN {then} ELSE {otherwise} END"

    @abstractmethod
    def compared(self, column: ComparedColumn) -> str:
        """The expression that is ordered by and compared: nearly always the quoted column."""

    @abstractmethod
    def canonical_text(self, column: ComparedColumn) -> str:
        """The expression that prints a value as the text that travels in key ranges and windows."""

    @abstractmethod
    def literal(self, text: str, column: ComparedColumn) -> str:
        """A canonical text as a value of the column. Raises `ConfigurationError` when it is none."""

    @abstractmethod
    def among(self, column: ComparedColumn, values: Sequence[str]) -> str:
        """The column holds one of these values, byte for byte, whatever its collation takes for equal."""

    @abstractmethod
    def earlier(self, literal: str, column: ComparedColumn, seconds: int) -> str:
        """A temporal value so much earlier. Raises `ConfigurationError` for columns that are not temporal."""

    @abstractmethod
    def greater(self, keys: Sequence[str], values: Sequence[str]) -> str:
        """`keys > values` as row values, in a form that an index on the keys serves."""

    @abstractmethod
    def at_most(self, keys: Sequence[str], values: Sequence[str]) -> str:
        """`keys <= values` as row values, in a form that an index on the keys serves."""

    @abstractmethod
    def digest(self, texts: Sequence[str]) -> str:
        """The first 64 bits of the SHA-256 of these texts, none of them NULL, joined by character 31, as a number."""

    def range_digest(self, texts: Sequence[str], rows: str, key: Sequence[str]) -> str:
        """A query for the number of rows and their checksum, NULL for none; `rows` is what stands behind FROM."""
        del key
        return f"SELECT count(*), bit_xor({self.digest(texts)}) FROM {rows}"

    @abstractmethod
    def digest_bucket(self, texts: Sequence[str], buckets: int) -> str:
        """The first 16 bits of the same, modulo `buckets`."""
