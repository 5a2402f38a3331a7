"""When a table's figures are too high, and how that is said."""

from __future__ import annotations

from typing import Any

import pytest

from dagster_pipeline.maintenance.health_limits import HealthLimits, judge
from dagster_pipeline.maintenance.table_health import TableHealth

WELL: dict[str, Any] = {
    "database": "d",
    "name": "t",
    "engine": "MergeTree",
    "partitions": 200,
    "parts": 300,
    "rows": 9,
    "bytes": 9,
    "most_parts": 100,
    "crowded": "202401",
    "waiting_parts": 100,
    "mutations": 1,
    "oldest_mutation": 3600,
    "failed_mutations": 0,
    "mutation_error": "",
    "detached_parts": 0,
    "replica_trouble": "",
}


def found(**changes: Any) -> list[tuple[str, bool]]:
    return [(one.check, one.is_error) for one in judge([TableHealth(**{**WELL, **changes})], HealthLimits())]


@pytest.mark.parametrize(
    ("changes", "check", "is_error"),
    [
        ({"partitions": 201}, "partitions", False),
        ({"partitions": 1001}, "partitions", True),
        ({"most_parts": 101}, "parts_per_partition", False),
        ({"most_parts": 501}, "parts_per_partition", True),
        ({"waiting_parts": 101}, "merge_backlog", False),
        ({"oldest_mutation": 3601}, "stuck_mutations", False),
        ({"oldest_mutation": 86401}, "stuck_mutations", True),
        ({"failed_mutations": 1, "mutation_error": "disk full"}, "stuck_mutations", True),
        ({"detached_parts": 1}, "detached_parts", False),
        ({"detached_parts": 101}, "detached_parts", True),
        ({"replica_trouble": "it is read-only"}, "broken_replicas", True),
    ],
)
def test_a_figure_above_its_limit_is_found(changes: dict[str, Any], check: str, is_error: bool) -> None:
    assert found() == []
    assert found(**changes) == [(check, is_error)]


def test_what_is_found_names_the_table_the_figure_and_what_to_do() -> None:
    (one,) = judge([TableHealth(**{**WELL, "most_parts": 1500})], HealthLimits())
    assert one.says == (
        "d.t has 1,500 parts in partition 202401. Load larger chunks, or let `maintenance/optimize` merge them."
    )
