"""The contract of a target: a table of somebody's production database, read and changed by key in short transactions.

Values travel as texts; `Field.outbound` says how the target parses and prints them. A statement concerns some rows and either
does all of them or, when the database refuses one, none: `RowsRefusedError` then says why, and the transaction goes on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.type_mapper.outbound import Outbound, Outgoing

Text = str | None
Row = tuple[Text, ...]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column as the catalog has it.

    Attributes:
        type: as the catalog prints it, e.g. `varchar(20)`, `enum mood`.
        has_default: an insert may leave it out.
        is_generated: the database computes it; nobody may write it.
    """

    name: str
    type: str
    nullable: bool
    has_default: bool
    is_generated: bool


@dataclass(frozen=True, slots=True)
class TargetTable:
    """A table as the catalog has it.

    Attributes:
        name: for people.
        unique_keys: the columns of each unique index that covers all rows.
        cascades: tables that lose or change rows when rows here are deleted.
        is_transactional: what a transaction did can be taken back.
    """

    name: str
    columns: tuple[TargetColumn, ...]
    unique_keys: tuple[frozenset[str], ...]
    cascades: tuple[str, ...]
    is_transactional: bool = True

    def column(self, name: str) -> TargetColumn | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class Field:
    """A column that is read or written, and how."""

    name: str
    outbound: Outbound


class RowsRefusedError(Exception):
    """The database refused a statement because of its rows' values; it did none of them.

    Attributes:
        reason: in the database's own words, values included: for the rejects table, not for logs.
        code: its number or SQLSTATE.
    """

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason, code)
        self.reason = reason
        self.code = code


@dataclass(frozen=True, slots=True)
class Place:
    """Which table. `schema` is PostgreSQL's."""

    database: str
    table: str
    schema: str = "public"


class Target(ABC):
    """One table and one connection to it, for one thread.

    Attributes:
        name: for people.
        relation: as statements name it.
    """

    name: str
    relation: str

    @abstractmethod
    def describe(self) -> TargetTable:
        """What the catalog says. Raises `ConfigurationError` when there is no such table."""

    @abstractmethod
    def rule(self, source: Outgoing, target_type: str) -> Outbound:
        """How a ClickHouse column is written into a column of that type. Raises `TypeRefusedError`."""

    @abstractmethod
    def own(self, column: TargetColumn) -> Outbound:
        """How a value that came from the column goes back into it."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """A transaction: committed when the block ends well, else taken back."""

    @abstractmethod
    def read(
        self, key: Sequence[Field], keys: Sequence[Row], fields: Sequence[Field], *, lock: bool = True
    ) -> list[Row]:
        """Key and fields of the rows that exist, in any order; locked until the transaction ends, or outside of any."""

    @abstractmethod
    def page(
        self, key: Sequence[Field], fields: Sequence[Field], *, after: Row | None, where: str, limit: int
    ) -> list[Row]:
        """Key and fields of the next rows in the key's order, outside of any transaction."""

    @abstractmethod
    def insert(self, fields: Sequence[Field], rows: Sequence[Row]) -> None:
        """New rows."""

    @abstractmethod
    def update(self, key: Sequence[Field], fields: Sequence[Field], rows: Sequence[Row]) -> None:
        """Rows that exist; each begins with its key."""

    @abstractmethod
    def delete(self, key: Sequence[Field], keys: Sequence[Key]) -> None:
        """Rows that exist."""

    @abstractmethod
    def keys(self, key: Sequence[Field], *, at_once: int) -> Iterator[list[Row]]:
        """The keys of all rows, `at_once` at a time; no transaction may be open."""

    @abstractmethod
    def count(self) -> int:
        """All rows."""

    @abstractmethod
    def only_reads(self) -> bool:
        """The server is a replica, or was told to take no writes."""

    @abstractmethod
    def allows(self, statement: str) -> bool:
        """Whether our user has the rights for a statement, which is explained and not run; other faults of it are none here."""

    @abstractmethod
    def account(self) -> str:
        """Who we are, as a GRANT names it."""

    @abstractmethod
    def quote(self, name: str) -> str:
        """An identifier as statements name it."""

    @abstractmethod
    def close(self) -> None:
        """End the connection; what was not committed is taken back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def missing_target(error: ConfigurationError) -> ConfigurationError:
    """A source's words for a table that is not there, as said of a target."""
    return ConfigurationError(
        error.what, todo="Correct target in the file, or let the target's user read and write that table."
    )


def placeholders(fields: Sequence[Field]) -> str:
    """`(%s::bigint, %s::text)`: one row of parameters, in the form of the drivers."""
    return f"({', '.join(value(field) for field in fields)})"


def value(field: Field) -> str:
    """One parameter, parsed as the column wants it."""
    return field.outbound.write.replace("%", "%%").replace("{value}", "%s")


def shown(field: Field, quoted: str) -> str:
    """The stored value's text; `quoted` is the column as the statement names it, already fit for the driver."""
    return field.outbound.read.replace("%", "%%").replace("{column}", quoted)
