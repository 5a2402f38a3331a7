"""Engine clauses as servers print them, cut into their parts."""

from __future__ import annotations

import pytest

from dagster_pipeline.connectors.sink.clickhouse.table_shape import EngineShape, parse_engine, split_list


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "MergeTree ORDER BY tuple() SETTINGS index_granularity = 8192",
            EngineShape("MergeTree", (), False, "", "", "", {"index_granularity": "8192"}),
        ),
        (
            (
                "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', _version, _deleted) "
                "PARTITION BY (toYYYYMM(at), id % 8) ORDER BY (id, `a, b`) TTL at + toIntervalYear(3) WHERE id IN (1, 2) "
                "SETTINGS storage_policy = 'a, ORDER BY b', index_granularity = 8192"
            ),
            EngineShape(
                "ReplacingMergeTree",
                ("_version", "_deleted"),
                True,
                "id, `a, b`",
                "toYYYYMM(at), id % 8",
                "at + toIntervalYear(3) WHERE id IN (1, 2)",
                {"storage_policy": "'a, ORDER BY b'", "index_granularity": "8192"},
            ),
        ),
        (
            "SharedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', _version) ORDER BY (a)",
            EngineShape("ReplacingMergeTree", ("_version",), True, "a", "", "", {}),
        ),
        (
            "MergeTree PARTITION BY `x ORDER BY y` PRIMARY KEY id ORDER BY (id, (a))",
            EngineShape("MergeTree", (), False, "id, (a)", "`x ORDER BY y`", "", {}),
        ),
        ("MergeTree ORDER BY (a) + (b)", EngineShape("MergeTree", (), False, "(a) + (b)", "", "", {})),
        ("Memory", EngineShape("Memory", (), False, "", "", "", {})),
    ],
)
def test_an_engine_clause_is_cut_at_its_keywords(text: str, expected: EngineShape) -> None:
    assert parse_engine(text) == expected


def test_a_list_is_cut_outside_of_quotes_and_brackets() -> None:
    assert split_list("a, f(b, [c, d]), 'e, \\', f', `g, h`, 'it''s, i'") == [
        "a",
        "f(b, [c, d])",
        "'e, \\', f'",
        "`g, h`",
        "'it''s, i'",
    ]
