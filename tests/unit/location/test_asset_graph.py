"""docs/asset-graph.txt shows in a review what a change of a table file does to the graph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_asset_graph_is_the_one_that_was_reviewed() -> None:
    # In a process of its own: what other tests left in Dagster's globals would show.
    command = [sys.executable, "-W", "ignore", "-m", "scripts.asset_graph"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == (ROOT / "docs" / "asset-graph.txt").read_text().splitlines(), (
        "Run `make graph` and commit the change."
    )
