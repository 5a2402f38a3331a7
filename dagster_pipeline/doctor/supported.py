"""Which versions of servers the pipeline is for. `test.yml` runs the integration tests against both ends of each range."""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Supported:
    """A range of versions, each as (major, minor).

    Attributes:
        oldest: older ones lack something that is used.
        newest: newer ones were not tried; they are expected to work.
        why: what the oldest has that is used.
    """

    oldest: Version
    newest: Version
    why: str


RANGES = {
    "MySQL": Supported((8, 0), (8, 4), "window functions and CTEs"),
    "MariaDB": Supported((10, 4), (11, 8), "window functions, and system-versioned tables in its catalog"),
    "PostgreSQL": Supported((13, 0), (17, 99), "what its catalog says of transactions and generated columns"),
    "ClickHouse": Supported((24, 8), (26, 9), "EXCHANGE TABLES, and deduplication tokens in plain MergeTree"),
}


def version_of(text: str) -> Version:
    """Major and minor number of what a server prints; MariaDB puts `5.5.5-` before its own for old clients."""
    found = re.search(r"(\d+)\.(\d+)|(\d+)", text.removeprefix("5.5.5-"))
    if found is None:
        return (0, 0)
    return (int(found[1]), int(found[2])) if found[1] else (int(found[3]), 0)
