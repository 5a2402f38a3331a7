"""The order in which files of tests are given to workers: a long one that begins last keeps one worker busy at the end.

A file goes to one worker as a whole (`--dist loadfile`), since its tests share servers and warehouses.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

LONG_FILES = (
    "tests/integration/servers/test_demo.py",
    "tests/integration/location/test_runs_through_dagster.py",
    "tests/e2e/test_production_services.py",
    "tests/e2e/test_runs_through_graphql.py",
    "tests/integration/snapshots/test_snapshots_are_taken.py",
    "tests/contract/sources/test_source_contract.py",
    "tests/contract/sinks/test_sink_tables.py",
    "tests/integration/servers/test_servers_start_and_stop.py",
    "tests/contract/sinks/test_sink_writes.py",
    "tests/integration/faults/test_torture_short.py",
    "tests/integration/type_lab/test_values_through_the_pipeline.py",
    "tests/integration/type_mapper/test_mysql_types_arrive.py",
    "tests/integration/commands/test_plan.py",
    "tests/contract/state/test_state_processes.py",
    "tests/contract/deliveries/test_s3_lands_in_clickhouse.py",
    "tests/integration/type_lab/test_identifiers.py",
    "tests/integration/type_lab/test_special_columns.py",
)
"""From 20 seconds up, the longest first. One that is missing here costs nothing but some seconds at the end."""

_FOLDERS = ("tests/e2e", "tests/contract", "tests/integration")
"""What starts servers and processes comes before what does not."""


def place(root: Path) -> Callable[[Path], tuple[int, int]]:
    """A key to sort files by; equals stay in the order in which they were collected."""
    long_files = {root / file: rank for rank, file in enumerate(LONG_FILES)}
    folders = [root / folder for folder in _FOLDERS]

    def key(file: Path) -> tuple[int, int]:
        starts_servers = any(file.is_relative_to(folder) for folder in folders)
        return long_files.get(file, len(long_files)), 0 if starts_servers else 1

    return key
