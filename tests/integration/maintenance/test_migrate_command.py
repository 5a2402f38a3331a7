"""`migrate-table` as a person types it, over the embedded warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from tests.integration.maintenance.conftest import warehouse_url

FILE = """
version: 1
destination: {{database: shop, order_by: {order_by}, engine: ReplacingMergeTree}}
columns:
  - {{name: id, type: bigint, primary_key: true}}
  - {{name: region, type: varchar(10), immutable: true}}
"""


@pytest.fixture
def file(tmp_path: Path, warehouse_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table file; its table stands in the warehouse with 50 rows."""
    folder = tmp_path / "schemas/mysql/shop"
    folder.mkdir(parents=True)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("CLICKHOUSE_URL", f"chdb://{warehouse_dir}")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    written = folder / "orders.yml"
    written.write_text(FILE.format(order_by="[id]"))
    with ClickHouseSink(warehouse_url(f"chdb://{warehouse_dir}")) as sink:
        sink.run("CREATE DATABASE shop", doing="Making")
        sink.run(
            "CREATE TABLE shop.orders (id Int64, region String, _version UInt64, "
            "_synced_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')) ENGINE = ReplacingMergeTree(_version) ORDER BY id",
            doing="Making",
        )
        sink.run(
            "INSERT INTO shop.orders (id, region, _version) SELECT number, 'eu', 1 FROM numbers(50)",
            doing="Filling",
        )
    return written


def orders(warehouse: Path) -> tuple[int, str]:
    with ClickHouseSink(warehouse_url(f"chdb://{warehouse}")) as sink:
        ((rows,),) = sink.rows("SELECT count() FROM shop.orders FINAL")
        ((key,),) = sink.rows(
            "SELECT sorting_key FROM system.tables WHERE database = 'shop' AND name = 'orders'"
        )
    return int(rows), str(key)


def test_the_way_there_and_back(file: Path, warehouse_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate-table", "shop/orders"]) == 0
    assert capsys.readouterr().out == "shop.orders has the shape that its file wants.\n"
    file.write_text(FILE.format(order_by="[region, id]"))
    assert main(["migrate-table", "shop/orders", "--keep-days", "3"]) == 0
    said = capsys.readouterr().out
    assert "shop.orders was migrated: 50 rows, proven equal." in said
    assert "_3d_" in said
    assert orders(warehouse_dir) == (50, "region, id")
    assert main(["migrate-table", "shop/orders", "--rollback"]) == 0
    assert "shop.orders is as it was before." in capsys.readouterr().out
    assert orders(warehouse_dir) == (50, "id")


def test_what_is_typed_wrong_says_so(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate-table", "shop/order"]) == 1
    assert "Did you mean 'shop/orders'?" in capsys.readouterr().err
    assert main(["migrate-table", "shop/orders", "--rollback"]) == 1
    assert "Nothing of shop.orders was kept that it could go back to." in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["migrate-table", "shop/orders", "--keep-days", "0"])
    assert "must be from 1 to 3650" in capsys.readouterr().err
