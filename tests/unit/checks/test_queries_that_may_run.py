"""What a query of a file's own may say without being refused. What it may not stands with the other mistakes of a file."""

from __future__ import annotations

import pytest

from dagster_pipeline.schema.check_sql import judge_query

QUERIES = [
    "SELECT count() FROM {table} WHERE balance < 0",
    "select 1;",
    "SELECT 0 -- nothing is wrong",
    "WITH x AS (SELECT id AS other FROM {table}) SELECT countIf(other > 1) FROM x",
    "WITH 1 AS least SELECT count() FROM {table} WHERE id < least",
    "(SELECT 1) UNION ALL SELECT 2",
    "SELECT 'INSERT INTO x; DROP TABLE y INTO OUTFILE' FROM {table} LIMIT 1",
    "SELECT countIf(balance < 0) AS bad, bad + 1 FROM {table} HAVING bad > 0",
    "SELECT arrayExists(x -> x > 1, [id]) FROM {table} LIMIT 1 BY id",
    "SELECT quantile(0.9)(balance) FROM {table} SETTINGS max_threads = 1",
    "SELECT count() FROM {table} AS t ANY LEFT JOIN shop.others AS o ON o.key = t.id WHERE o.what IS NULL",
    "SELECT count() FROM {table} WHERE (id, status) IN (SELECT a, b FROM shop.others)",
    "SELECT max(_version) - min(_version), uniqExact(_part) FROM {table}",
    "SELECT count() FROM {table} WHERE toDate(balance) > today() - INTERVAL 1 DAY AND status ILIKE 'a%'",
    "SELECT sumIf(balance, status = 'a') OVER (PARTITION BY id) FROM {table}",
    "SELECT count() FROM {table} ARRAY JOIN [1, 2] AS n WHERE n = id",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_that_only_reads_is_taken(query: str) -> None:
    assert list(judge_query(query, "checks[0].sql.query", {"id", "balance", "status", "_version"})) == []
