"""`docs`: pages that say what files say, and nothing that a file says becomes markup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagster_pipeline.__main__ import main

ORDERS = """
version: 1
description: "a | b <img src=x> `c`"
owners: ["team:data"]
destination: {partition_by: toYYYYMM(at)}
sync: {cursor: at}
columns:
  - {name: id, type: bigint unsigned, primary_key: true, description: Number.}
  - {name: secret, type: varchar(9), mask: drop}
  - {name: email, type: varchar(99), nullable: true, mask: hmac_sha256}
  - {name: at, type: datetime, immutable: true}
checks:
  - relationship: {column: id, to: shop/items, field: id}
"""
ITEMS = "version: 1\ncolumns:\n  - {name: id, type: bigint unsigned, primary_key: true}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "schemas" / "mysql" / "shop"
    folder.mkdir(parents=True)
    (folder / "orders.yml").write_text(ORDERS.lstrip())
    (folder / "items.yml").write_text(ITEMS)
    return tmp_path


def docs(root: Path, *words: str) -> int:
    return main(["docs", str(root / "out"), "--schemas-dir", str(root / "schemas"), *words])


def test_a_page_holds_what_the_file_says(root: Path) -> None:
    assert docs(root) == 0
    text = (root / "out" / "shop" / "orders.md").read_text()
    assert "| `id` | `UInt64` | `bigint unsigned` | primary |  | Number. |" in text
    assert "| `secret` | not in the warehouse | `varchar(9)` |  | left out |  |" in text
    assert "| `email` | `Nullable(String)` | `varchar(99)` |  | hashed with a key |  |" in text
    assert "`toYYYYMM(at)`" in text
    assert 'table -. refers to .-> other0["shop/items"]' in text
    assert "orders.yml:12" in (root / "out" / "shop" / "items.md").read_text()
    assert "[orders](shop/orders.md)" in (root / "out" / "index.md").read_text()


def test_no_text_becomes_markup(root: Path) -> None:
    docs(root)
    for page in (root / "out").rglob("*.md"):
        assert "<img" not in page.read_text()
        assert "a | b" not in page.read_text()


def test_check_sees_what_is_out_of_date_and_writes_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert docs(root, "--check") == 1
    assert not (root / "out").exists()
    docs(root)
    assert docs(root, "--check") == 0
    (root / "schemas" / "mysql" / "shop" / "items.yml").write_text(f"{ITEMS}description: New.\n")
    capsys.readouterr()
    assert docs(root, "--check", "--json") == 1
    assert json.loads(capsys.readouterr().out)["written"] == ["index.md", "shop/items.md"]


def test_pages_of_tables_that_are_gone_go_and_others_files_stay(root: Path) -> None:
    docs(root)
    (root / "out" / "mine.md").write_text("mine")
    (root / "schemas" / "mysql" / "shop" / "orders.yml").unlink()
    assert docs(root) == 0
    assert sorted(path.name for path in (root / "out").rglob("*.md")) == ["index.md", "items.md", "mine.md"]


def test_a_file_of_somebody_else_is_not_written_over(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "out").mkdir()
    (root / "out" / "index.md").write_text("mine")
    assert docs(root) == 1
    assert "was not written by this command" in capsys.readouterr().err
    assert (root / "out" / "index.md").read_text() == "mine"
