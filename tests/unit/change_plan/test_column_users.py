"""Who uses a column: queries are read as SQL, files by the names that stand in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_pipeline.change_plan.catalog import View
from dagster_pipeline.change_plan.column_users import TreeOfFiles, users_of


def used(root: Path, *views: View, columns: tuple[str, ...] = ("note",)) -> list[str]:
    own = root / "mysql" / "shop" / "orders.yml"
    found = users_of(columns, database="shop", table="orders", views=views, files=TreeOfFiles(root), own=own)
    return [each.user.removeprefix(f"{root}/") for each in found]


@pytest.mark.parametrize(
    ("query", "is_used"),
    [
        ("SELECT note FROM shop.orders", True),
        ("SELECT o.note FROM shop.orders AS o WHERE o.id > 1", True),
        ("SELECT id FROM orders WHERE note = 'x'", True),
        ("SELECT * FROM `shop`.`orders`", True),
        ("SELECT id, 'note' AS said FROM shop.orders", False),
        ("SELECT note FROM shop.items", False),
        ("SELECT note FROM other.orders", False),
        ("WITH x AS (SELECT note FROM shop.orders) SELECT * FROM x", True),
        ("SELECT note FROM shop.orders -- no ((( SQL that anybody reads", True),
        ("CREATE DICTIONARY shop.d (note String) SOURCE(CLICKHOUSE(TABLE 'orders' DB 'shop'))", True),
        ("CREATE DICTIONARY shop.d (note String) SOURCE(CLICKHOUSE(TABLE 'items' DB 'shop'))", False),
    ],
)
def test_a_query_uses_what_it_reads_from_the_table(tmp_path: Path, query: str, *, is_used: bool) -> None:
    assert used(tmp_path, View("shop", "v", "View", query)) == (["view shop.v"] if is_used else [])


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("snapshots/s.yml", "version: 1\ntable: shop/orders\ncolumns: [id, note]\n", 3),
        ("reverse_etl/r.yml", "version: 1\nquery: SELECT note FROM shop.orders\n", 2),
        ("data_quality/q.yml", "left: {database: shop, table: orders}\nby: note\n", 2),
        ("mysql/shop/items.yml", "checks:\n  - sql: {query: SELECT max(note) FROM `shop`.`orders`}\n", 2),
        ("snapshots/s.yml", "table: shop/orders_2\ncolumns: [note]\n", None),
        ("snapshots/s.yml", "table: shop/orders\ncolumns: [notes, a_note]\n", None),
        ("mysql/shop/items.yml", "description: not shop.orders\ncolumns: [{name: note}]\n", None),
    ],
)
def test_a_file_uses_a_column_where_both_names_stand(
    tmp_path: Path, file: str, text: str, line: int | None
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert used(tmp_path) == ([] if line is None else [f"{file}:{line}"])
