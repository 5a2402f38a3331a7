"""docs/asset-graph.txt shows in a review what a change of a table file does to the graph."""

from __future__ import annotations

from pathlib import Path

from scripts.asset_graph import rendered

SNAPSHOT = Path(__file__).parents[3] / "docs" / "asset-graph.txt"


def test_the_asset_graph_is_the_one_that_was_reviewed() -> None:
    assert rendered().splitlines() == SNAPSHOT.read_text().splitlines(), (
        "Run `make graph` and commit the change."
    )
