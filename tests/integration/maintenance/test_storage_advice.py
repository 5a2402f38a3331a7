"""Advice from real figures, and a patch that the loader takes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from tests.integration.maintenance.conftest import warehouse_url

FILE = """version: 1
destination:
  database: shop
  partition_by: toYYYYMMDD(at)  # by day
columns:
  # The key.
  - {name: id, type: bigint, primary_key: true}
  - {name: at, type: date, immutable: true}
  - {name: status, type: varchar(10)}
  - name: note
    type: varchar(10)
    nullable: true
  - {name: name, type: varchar(40)}
"""


@pytest.fixture
def shop(tmp_path: Path, warehouse_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of 220 partitions with two columns of few values and one of many."""
    folder = tmp_path / "schemas/mysql/shop"
    folder.mkdir(parents=True)
    (folder / "orders.yml").write_text(FILE)
    monkeypatch.setenv("CLICKHOUSE_URL", f"chdb://{warehouse_dir}")
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    monkeypatch.chdir(tmp_path)
    with ClickHouseSink(warehouse_url(f"chdb://{warehouse_dir}")) as sink:
        sink.run("CREATE DATABASE shop", doing="Making")
        sink.run(
            "CREATE TABLE shop.orders (id Int64, at Date, status String, note Nullable(String), name String, "
            "_version UInt64) ENGINE = ReplacingMergeTree(_version) PARTITION BY toYYYYMMDD(at) ORDER BY id",
            doing="Making",
        )
        sink.run(
            "INSERT INTO shop.orders SELECT number, toDate('2024-01-01') + number % 220, ['open', 'paid'][number % 2 + 1], "
            "if(number % 3 = 0, NULL, 'x'), toString(number), 1 FROM numbers(20000)",
            doing="Filling",
            settings={"max_partitions_per_insert_block": 0},
        )
    return folder / "orders.yml"


def test_advice_is_a_patch_that_applies_and_loads(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["storage-advice", "shop/orders"]) == 1
    said = capsys.readouterr().out
    assert "shop/orders: 20,000 rows" in said
    assert "220 partitions are many: cut coarser than toYYYYMMDD(at), e.g. toYYYYMM(at)." in said
    assert "status has 2 values in 20,000 rows" in said
    assert "name has" not in said
    assert "the warehouse keeps no query log" in said
    assert main(["storage-advice", "--patch"]) == 1
    (tmp_path / "advice.patch").write_text(capsys.readouterr().out)
    subprocess.run(["git", "apply", "advice.patch"], cwd=tmp_path, check=True)
    assert shop.read_text() == FILE.replace("toYYYYMMDD(at)", "toYYYYMM(at)").replace(
        "status, type: varchar(10)}", "status, type: varchar(10), clickhouse_type: LowCardinality(String)}"
    ).replace("  - name: note\n", "  - name: note\n    clickhouse_type: LowCardinality(Nullable(String))\n")
    (table,) = load_tables(Settings.from_environment())
    assert table.destination.partition_by == "toYYYYMM(at)"
    assert main(["storage-advice", "shop/ordrs"]) == 1
    assert "Did you mean 'shop/orders'?" in capsys.readouterr().err
