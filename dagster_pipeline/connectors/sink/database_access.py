"""How an export sink reaches its database. Made where sources and sinks meet: sinks never import the sources' modules."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from dagster_pipeline.targets.base_target import TargetTable
from dagster_pipeline.type_mapper.outbound import Outbound, Outgoing


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """One table of one database.

    Attributes:
        address: for people, without a password.
        user: who connects.
        connect: opens a connection of the driver, whose errors are ours.
        translating: around any use of the driver; takes what is being done.
        describe: what the catalog says of the table. Raises `ConfigurationError` when it is not there.
        rule: whether a column of that type takes a ClickHouse type. Raises `TypeRefusedError`.
        quote: an identifier.
        text: a literal.
        commented: a statement with a comment in front.
    """

    address: str
    user: str
    connect: Callable[..., Any]
    translating: Callable[[str], AbstractContextManager[None]]
    describe: Callable[[], TargetTable]
    rule: Callable[[Outgoing, str], Outbound]
    quote: Callable[[str], str]
    text: Callable[[str], str]
    commented: Callable[[str, str], str]
