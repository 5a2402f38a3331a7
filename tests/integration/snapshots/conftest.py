"""The house that every test of snapshots works in."""

from pathlib import Path

import pytest

from tests.integration.snapshots.house import House


@pytest.fixture
def house(tmp_path: Path, warehouse_dir: Path) -> House:
    return House(tmp_path, warehouse_dir)
