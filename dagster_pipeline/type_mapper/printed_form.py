"""What a source type says about how its values are printed, beyond the ClickHouse type that they are stored as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PrintedForm:
    """Said by each dialect for the type in the file (`canonical_mysql`, `canonical_postgres`).

    Attributes:
        is_bytes: values, or those of the elements of an array, are bytes.
        scale: the digits after the point that every value is printed with; `None` when they vary.
        is_plain_text: a cast to text changes nothing.
    """

    is_bytes: bool = False
    scale: int | None = None
    is_plain_text: bool = False
