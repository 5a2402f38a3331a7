"""Prints what the table files mean to Dagster: every asset with what it comes from, its checks, schedule and columns.

docs/asset-graph.txt holds this for schemas/, so that a review shows what a change of a table file does to the graph.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.settings import PROJECT_ROOT, Settings


def lines(definitions: dg.Definitions) -> Iterator[str]:
    """The graph, sorted; nothing in it depends on the machine."""
    schedules = {schedule.name: schedule for schedule in definitions.schedules or ()}
    for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key):
        yield spec.key.to_user_string()
        yield from (f"  {fact}" for fact in _facts(spec))
        schedule = schedules.get(f"{spec.key.to_python_identifier()}_schedule")
        if isinstance(schedule, dg.ScheduleDefinition):
            yield f"  schedule {schedule.cron_schedule} {schedule.execution_timezone}"
        checks = [
            key.name
            for key in definitions.resolve_asset_graph().asset_check_keys
            if key.asset_key == spec.key
        ]
        yield from (f"  check {name}" for name in sorted(checks))


def _facts(spec: dg.AssetSpec) -> Iterator[str]:
    tags = {name: value for name, value in spec.tags.items() if not name.startswith("dagster/kind/")}
    yield f"group {spec.group_name}, kinds {', '.join(sorted(spec.kinds))}"
    yield from (f"from {dep.asset_key.to_user_string()}" for dep in spec.deps)
    yield from (f"owner {owner}" for owner in spec.owners)
    yield from (f"tag {name}: {value}" for name, value in sorted(tags.items()))
    if spec.partitions_def is not None:
        yield f"partitions {spec.partitions_def}"
    if late_after := getattr(spec.freshness_policy, "fail_window", None):
        yield f"freshness {late_after.to_timedelta()}"
    table = spec.metadata.get("dagster/column_schema")
    if isinstance(table, dg.TableSchema):
        yield from (f"column {column.name} {column.type}" for column in table.columns)
        yield from (f"table {constraint}" for constraint in table.constraints.other)


def rendered() -> str:
    """The graph of schemas/, whatever the environment says."""
    settings = Settings.from_environment({"SCHEMAS_DIR": str(PROJECT_ROOT / "schemas")})
    return "\n".join(lines(build_definitions(settings))) + "\n"


if __name__ == "__main__":
    print(rendered(), end="")
