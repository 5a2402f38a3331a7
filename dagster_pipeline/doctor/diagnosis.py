"""What an examination finds: one value for each thing that was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """How a thing stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes:
        subject: whose, e.g. `mysql/amtdb`, `warehouse`, `state`, `dagster`, or a table's name.
        check: what, e.g. `connection`, `grant`, `clock`, `disk`, `version`, `freshness`.
        level: how it stands.
        what: one sentence.
        todo: what to do about it, e.g. the GRANT statement; empty when nothing is wrong.
        facts: numbers and names for machines.
    """

    subject: str
    check: str
    level: Level
    what: str
    todo: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.level:<5}{self.subject:<24}{self.check:<12}{self.what} {self.todo}".rstrip()
