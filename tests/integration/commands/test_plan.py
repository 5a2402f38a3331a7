"""`plan` on real servers: what it promises is what a load then does, judged by the warehouse's own records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.commands.shop import Shop

ORDERS = """
    version: 1
    description: One row per order.
    sync: {mode: incremental, cursor: updated_at, null_cursor: include}
    destination: {order_by: [id]}
    columns:
      - {name: id, type: bigint, primary_key: true}
      - {name: size, type: integer}
      - {name: note, type: text, nullable: true}
      - {name: created_at, type: timestamp(0) without time zone, immutable: true}
      - {name: updated_at, type: timestamp(6) without time zone, nullable: true}
"""
MYSQL = {
    "integer}": "int}",
    "timestamp(0) without time zone": "datetime",
    "timestamp(6) without time zone": "datetime(6)",
}


@pytest.fixture
def loaded(shop: Shop) -> Shop:
    """A shop whose orders of 13 months are in the warehouse."""
    moment = {"postgres": "timestamp", "mysql": "datetime"}[shop.database.dialect]
    text = ORDERS
    for postgres, mysql in MYSQL.items() if shop.database.dialect == "mysql" else ():
        text = text.replace(postgres, mysql)
    shop.database.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, size int NOT NULL, note text, "
        f"created_at {moment}(0) NOT NULL, updated_at {moment}(6))"
    )
    shop.database.run(
        "INSERT INTO orders VALUES (1, 5, 'x', '2024-01-31 10:00:00', '2025-01-01 00:00:00'),"
        " (2, 6, NULL, '2025-01-01 10:00:00', '2025-01-02 00:00:00')"
    )
    shop.write("orders", text)
    assert shop.load("orders").moved.rows == 2
    return shop


def mutations(shop: Shop) -> int:
    ((count,),) = shop.ask("SELECT count() FROM system.mutations WHERE table = 'orders'")
    return int(count)


@pytest.mark.parametrize("shop", ["postgres", "mysql"], indirect=True)
def test_what_was_just_loaded_has_nothing_to_do(loaded: Shop) -> None:
    loaded.database.run("CREATE INDEX by_change ON orders (updated_at)")
    assert loaded.call("plan")[:2] == (0, "1 table(s) are as their files want them: nothing to do.\n")
    plan = loaded.call_json("plan", "shop/orders")["tables"][0]
    assert (plan["verdict"], plan["steps"], plan["rows_now"]) == ("nothing to do", [], 2)


def test_a_new_table_is_created_and_its_load_estimated(loaded: Shop) -> None:
    loaded.database.run("CREATE TABLE items (id bigint PRIMARY KEY, at timestamp NOT NULL)")
    loaded.database.run("INSERT INTO items SELECT n, '2024-01-15'::date + n FROM generate_series(1, 5000) n")
    loaded.database.run("ANALYZE items")
    loaded.write(
        "items",
        """
        version: 1
        destination: {partition_by: toYYYYMM(at)}
        sync: {chunk_rows: 1000}
        columns:
          - {name: id, type: bigint, primary_key: true}
          - {name: at, type: timestamp without time zone, immutable: true}
        """,
    )
    (plan,) = loaded.call_json("plan", "shop/items")["tables"]
    assert (plan["verdict"], plan["load"]["rows"]) == ("is created", 5000)
    assert plan["load"]["partitions"] == 165  # 2024-01 to 2037-09
    assert any("165 partitions" in warning for warning in plan["warnings"])
    result = loaded.load("items")
    ((partitions,),) = loaded.ask(
        "SELECT uniqExact(partition) FROM system.parts WHERE table = 'items' AND active"
    )
    assert partitions == 165
    assert abs(plan["load"]["chunks"] - result.chunks_planned) <= 1


def test_a_wider_type_rewrites_and_a_comment_does_not(loaded: Shop) -> None:
    loaded.database.run("ALTER TABLE orders ALTER COLUMN size TYPE bigint")
    loaded.change("orders", "{name: size, type: integer}", "{name: size, type: bigint, description: In cm.}")
    (plan,) = loaded.call_json("plan")["tables"]
    assert [(step["cost"], step["what"]) for step in plan["steps"]] == [
        ("rewrite", "MODIFY COLUMN `size` Int64"),
        ("instant", "COMMENT COLUMN `size` 'In cm.'"),
    ]
    before = mutations(loaded)
    loaded.load("orders")
    assert mutations(loaded) == before + 1
    assert loaded.call_json("plan")["tables"][0]["verdict"] == "nothing to do"


def test_a_new_column_is_instant_and_its_rows_are_read_once_more(loaded: Shop) -> None:
    loaded.database.run("ALTER TABLE orders ADD COLUMN colour text NOT NULL DEFAULT 'red'")
    loaded.change("orders", "columns:\n", "columns:\n  - {name: colour, type: text}\n")
    (plan,) = loaded.call_json("plan")["tables"]
    assert [step["cost"] for step in plan["steps"]] == ["instant", "reload"]
    assert plan["load"]["rows"] == 2
    before = mutations(loaded)
    assert loaded.load("orders").moved.rows == 2
    assert mutations(loaded) == before


def test_another_order_is_refused_with_its_cure_and_so_is_the_run(loaded: Shop) -> None:
    loaded.change(
        "orders", "order_by: [id]", "order_by: [created_at, id], partition_by: toYYYYMM(created_at)"
    )
    code, out, _ = loaded.call("plan")
    assert code == 1
    assert "refused  its ORDER BY is id, the file wants created_at, id" in out
    assert "refused  its PARTITION BY is absent, the file wants toYYYYMM(created_at)" in out
    assert "`migrate-table shop/orders`" in out
    assert "full_refresh: true" in out
    assert "13 partition(s)" in out
    with pytest.raises(Exception, match="differs from its file in what cannot be altered"):
        loaded.load("orders")


def test_a_table_that_is_always_built_anew_takes_another_order(loaded: Shop) -> None:
    loaded.change("orders", "mode: incremental, cursor: updated_at, null_cursor: include", "mode: full")
    assert loaded.call_json("plan")["tables"][0]["verdict"] == "nothing to do"
    loaded.change("orders", "order_by: [id]", "order_by: [created_at, id]")
    (plan,) = loaded.call_json("plan")["tables"]
    assert (plan["verdict"], [step["cost"] for step in plan["steps"]]) == ("changes", ["reload"])
    loaded.load("orders")
    ((key,),) = loaded.ask("SELECT sorting_key FROM system.tables WHERE name = 'orders'")
    assert key == "created_at, id"


def test_a_column_that_goes_away_names_everyone_who_uses_it(loaded: Shop) -> None:
    loaded.tell(
        "CREATE VIEW shop.notes AS SELECT id, note FROM shop.orders",
        "CREATE VIEW shop.sizes AS SELECT id, size FROM shop.orders",
        "CREATE VIEW shop.all_of_it AS SELECT * FROM shop.orders",
    )
    loaded.database.run("ALTER TABLE orders DROP COLUMN note")
    loaded.change("orders", "  - {name: note, type: text, nullable: true}\n", "")
    loaded.write("back", "version: 1\nfrom: {table: shop/orders}\ncolumns: [id, note]\n", kind="reverse_etl")
    loaded.write("other", "version: 1\nfrom: {table: shop/items}\ncolumns: [id, note]\n", kind="reverse_etl")
    (plan,) = loaded.call_json("plan")["tables"]
    users = {user["user"].rpartition("/")[2] for user in plan["used_by"]}
    assert users == {"view shop.notes", "view shop.all_of_it", "back.yml:3"}
    assert any("no run fills it any more" in note for note in plan["notes"])


def test_a_column_that_vanished_at_the_source_is_refused_as_the_run_would(loaded: Shop) -> None:
    loaded.database.run("ALTER TABLE orders DROP COLUMN note")
    code, out, _ = loaded.call("plan")
    assert code == 1
    assert "has no column 'note'" in out


def test_a_cursor_without_an_index_is_a_warning(loaded: Shop) -> None:
    warnings = loaded.call_json("plan")["tables"][0]["warnings"]
    assert len(warnings) == 1
    assert "No index at the source begins with the cursor updated_at" in warnings[0]
    loaded.database.run("CREATE INDEX by_change ON orders (updated_at)")
    assert loaded.call_json("plan")["tables"][0]["warnings"] == []


def test_a_saved_catalog_plans_the_same_with_nothing_to_connect_to(
    loaded: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded.change("orders", "order_by: [id]", "order_by: [id], ttl: created_at + INTERVAL 9 YEAR")
    saved = tmp_path / "catalog.json"
    live = loaded.call_json("plan", "--save-catalog", str(saved))
    assert live["tables"][0]["steps"][0]["cost"] == "rewrite"
    for name in ("POSTGRES_SHOP_URL", "CLICKHOUSE_URL", "STATE_URL"):
        monkeypatch.setenv(name, "none://nowhere")
    assert loaded.call_json("plan", "--catalog", str(saved)) == live
    assert loaded.database.url not in saved.read_text()


def test_a_source_that_does_not_answer_leaves_a_note_and_the_rest_of_the_plan(
    loaded: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTGRES_SHOP_URL")
    (plan,) = loaded.call_json("plan")["tables"]
    assert plan["verdict"] == "nothing to do"
    assert "Its source was not asked: No address for the postgres connection 'shop'." in plan["notes"][0]


def test_markdown_is_one_comment_in_which_no_name_becomes_markup(loaded: Shop) -> None:
    loaded.database.run("COMMENT ON TABLE orders IS 'x'")
    loaded.change("orders", "One row per order.", '"a | b <img src=x> @everyone `c`"')
    code, out, _ = loaded.call("plan", "--markdown")
    assert code == 0
    assert "### `shop/orders` changes" in out
    table = out.partition("<details>")[0]
    assert "<img" not in table
    assert "@everyone" not in table
    assert "a &#124; b" in table


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is no saved catalog"),
        ("{}", "is no saved catalog: taken_at: Field required"),
        (json.dumps({"version": 2}), "is no saved catalog"),
    ],
)
def test_a_file_that_is_no_catalog_says_so(loaded: Shop, tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "catalog.json").write_text(content)
    code, _, err = loaded.call("plan", "--catalog", str(tmp_path / "catalog.json"))
    assert code == 1
    assert says in err
    assert "plan --save-catalog" in err


def test_a_table_that_no_file_has_is_named(loaded: Shop) -> None:
    code, _, err = loaded.call("plan", "shop/order")
    assert code == 1
    assert "Did you mean 'shop/orders'?" in err


def warnings_of(shop: Shop) -> list[str]:
    (table,) = shop.call_json("plan", "shop/orders")["tables"]
    return [each for each in table["warnings"] if "No index" not in each]


@pytest.mark.parametrize("shop", ["postgres", "mysql"], indirect=True)
def test_a_new_mask_says_that_older_rows_keep_clear_values_until_they_are_loaded_anew(loaded: Shop) -> None:
    note = next(line for line in ORDERS.splitlines() if "name: note" in line).strip()
    loaded.change("orders", note, note.replace("}", ", mask: sha256}"))
    (warning,) = warnings_of(loaded)
    assert warning.startswith("note: rows that are there keep their clear values")
    assert "full_refresh: true" in warning
    loaded.database.run(
        "INSERT INTO orders VALUES (3, 7, 'clear', '2025-01-01 10:00:00', '2025-01-03 00:00:00')"
    )
    loaded.load("orders")
    assert warnings_of(loaded) == [warning]  # the first row is clear still
    assert [
        len(text) for (text,) in loaded.ask("SELECT note FROM shop.orders FINAL WHERE note != '' ORDER BY id")
    ] == [1, 64]
    loaded.load("orders", full_refresh=True)
    assert warnings_of(loaded) == []
    assert {len(text) for (text,) in loaded.ask("SELECT note FROM shop.orders WHERE note != ''")} == {64}


def test_another_filter_and_another_cursor_say_what_becomes_of_older_rows(loaded: Shop) -> None:
    loaded.change("orders", "destination:", "source: {where: size > 5}\ndestination:")
    loaded.change("orders", "cursor: updated_at, null_cursor: include", "cursor: created_at")
    filtered, cursor = sorted(warnings_of(loaded))
    assert filtered.startswith("source.where is another")
    assert cursor.startswith("sync.cursor was updated_at")
    assert loaded.call("plan", "shop/orders")[0] == 0
    loaded.load("orders", full_refresh=True)
    assert warnings_of(loaded) == []
    assert loaded.ask("SELECT id FROM shop.orders") == [(2,)]
