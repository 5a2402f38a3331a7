"""Everything that a file keeps is known, so that it is not reported as somebody's."""

from __future__ import annotations

from dagster_pipeline.assets.maintenance import named_by_a_file
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings


def test_tables_snapshots_and_deliveries_of_the_example_files_are_known() -> None:
    tree = load_tree(Settings.from_environment({}))
    known = named_by_a_file(tree)
    assert {("amtdb", "accounts"), ("lake", "web_events"), ("marketing", "campaigns")} <= known
    assert {(snapshot.database, snapshot.table) for snapshot in tree.snapshots} <= known
