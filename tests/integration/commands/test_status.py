"""`status` after real loads."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dagster_pipeline.connections import open_state
from tests.integration.commands.shop import Shop

ORDERS = """
    version: 1
    freshness: 1h
    sync: {mode: incremental, cursor: id}
    columns: [{name: id, type: bigint, primary_key: true}]
"""


def test_a_quiet_table_is_not_late_after_a_run_that_found_nothing(shop: Shop) -> None:
    shop.database.run("CREATE TABLE orders (id bigint PRIMARY KEY)")
    shop.database.run("INSERT INTO orders VALUES (1), (2)")
    shop.write("orders", ORDERS)

    def standing() -> str:
        code, out, _ = shop.call("status", "--check", "--json")
        (table,) = json.loads(out)["tables"]
        assert code == (0 if table["standing"] == "ok" else 1)
        return str(table["standing"])

    assert standing() == "never loaded"
    shop.load("orders")
    with closing(open_state(shop.settings)) as store:  # as if that was two hours ago
        (state,) = store.tables()
        store.restore([replace(state, last_success_at=datetime.now(UTC) - timedelta(hours=2))])
    assert standing() == "late"
    assert shop.load("orders").chunks_planned == 0
    assert standing() == "ok"
