"""A patch changes what it says and nothing else, or leaves the file as it is."""

from __future__ import annotations

import pytest

from dagster_pipeline.maintenance.advice_patch import patched, unified_diff
from dagster_pipeline.maintenance.storage_advice import Suggestion

LOW = Suggestion("", "columns[0].clickhouse_type", "LowCardinality(String)")


@pytest.mark.parametrize(
    ("before", "lines", "after"),
    [
        (
            "columns:\n  - {name: a}\n",
            {"columns[0]": 2},
            "columns:\n  - {name: a, clickhouse_type: LowCardinality(String)}\n",
        ),
        (
            "columns:\n  - name: a\n",
            {"columns[0]": 2},
            "columns:\n  - name: a\n    clickhouse_type: LowCardinality(String)\n",
        ),
        ("columns:\n  - {name: a,\n     x: 1}\n", {"columns[0]": 2}, None),
        ("columns:\n  - {name: a}  # why\n", {"columns[0]": 2}, None),
        ("columns: [{name: a}, {name: b}]\n", {"columns[0]": 1}, None),
    ],
)
def test_a_column_gets_a_type_where_its_entry_has_room(
    before: str, lines: dict[str, int], after: str | None
) -> None:
    assert patched(before, lines, [LOW]) == (after or before)


@pytest.mark.parametrize(
    ("before", "lines", "after"),
    [
        ("a: 1\n", {}, "a: 1\ndestination:\n  partition_by: toYear(x)\n"),
        (
            "destination:\n  table: t\n",
            {"destination": 1},
            "destination:\n  partition_by: toYear(x)\n  table: t\n",
        ),
        (
            "destination: {table: t}\n",
            {"destination": 1},
            "destination: {table: t, partition_by: toYear(x)}\n",
        ),
        (
            "destination:\n  partition_by: x # why\n",
            {"destination": 1, "destination.partition_by": 2},
            "destination:\n  partition_by: toYear(x)  # why\n",
        ),
        ("destination: {partition_by: x}\n", {"destination": 1, "destination.partition_by": 1}, None),
    ],
)
def test_the_partition_key_is_written_where_it_belongs(
    before: str, lines: dict[str, int], after: str | None
) -> None:
    suggestion = Suggestion("", "destination.partition_by", "toYear(x)")
    assert patched(before, lines, [suggestion]) == (after or before)


def test_several_suggestions_and_no_key_at_all() -> None:
    text = "columns:\n  - {name: a}\n"
    more = Suggestion("", "destination.order_by", "[b, a]")
    after = patched(text, {"columns": 1, "columns[0]": 2}, [Suggestion("only words"), more, LOW])
    assert after == (
        "columns:\n  - {name: a, clickhouse_type: LowCardinality(String)}\ndestination:\n  order_by: [b, a]\n"
    )
    assert unified_diff("f.yml", text, text) == ""
    assert unified_diff("f.yml", text, after).startswith("--- a/f.yml\n+++ b/f.yml\n@@ ")
