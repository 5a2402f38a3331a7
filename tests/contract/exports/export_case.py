"""What the contract suite asks of a kind of sink: where it is, and what a reader sees there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar


class ExportCase(ABC):
    """One empty destination on a real server, for one test.

    Attributes:
        refused: ClickHouse types, as `edge_values` names them, that `check` refuses by the column's name.
        moments: further moments at which a run is killed: `before` or `after`, and a method of the sink's class.
    """

    refused: ClassVar[frozenset[str]] = frozenset()
    moments: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def sink(self, mode: str) -> dict[str, Any]:
        """`sink:` of the file, for an export with the columns of `ExportRig.orders`."""

    @abstractmethod
    def plain_sink(self) -> dict[str, Any]:
        """`sink:` of a file of mode replace, whatever the columns."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The variables that hold the address."""

    @abstractmethod
    def nowhere(self) -> dict[str, str]:
        """The same variables with an address where nobody listens, and with the password `s3cret-word`."""

    @abstractmethod
    def rows(self, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """What a reader sees who follows the documentation, in any order; empty when there is nothing.

        Values are Python's own: int, float, Decimal, str, bool, date, datetime in UTC, list, None; a time with more than
        six digits is text as ClickHouse prints it.
        """

    @abstractmethod
    def leftovers(self) -> list[str]:
        """Names of whatever was staged and is still there."""
