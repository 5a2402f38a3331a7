"""Files of exports: every problem has its line and a cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_pipeline.errors import SchemaFilesError
from dagster_pipeline.schema.export_mode import ExportMode
from dagster_pipeline.schema_tree import SchemaTree, load_tree
from dagster_pipeline.settings import Settings

SCHEMAS = Path(__file__).parents[3] / "schemas"
FILE = """version: 1
source: {table: shop/orders}
sink:
  kind: s3
  connection: lake
  prefix: exports/orders/
  partition_by: {column: created_at}
key: [id]
"""
TABLES = {
    "orders": "sync: {mode: incremental, cursor: updated_at}",
    "countries": "sync: {mode: full}",
    "events": "sync: {mode: append, cursor: id}",
    "daily": """sync: {mode: full}
partitions: {by: created_at, every: day, start: "2026-01-01"}""",
}
COLUMNS = """
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: note, type: text}
  - {name: created_at, type: datetime, immutable: true}
  - {name: updated_at, type: datetime}
"""


def _tree(tmp_path: Path, **files: str) -> SchemaTree:
    for name, text in TABLES.items():
        cut = "partition_by: toYYYYMMDD(created_at)" if name == "daily" else ""
        path = tmp_path / "mysql" / "shop" / f"{name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"version: 1\ndestination: {{{cut}}}\n{text}{COLUMNS}")
    (tmp_path / "exports").mkdir()
    for name, text in files.items():
        (tmp_path / "exports" / f"{name}.yml").write_text(text)
    return load_tree(Settings.from_environment({"SCHEMAS_DIR": str(tmp_path)}))


def _said(tmp_path: Path, **files: str) -> str:
    with pytest.raises(SchemaFilesError) as caught:
        _tree(tmp_path, **files)
    return str(caught.value)


def test_the_examples_load_without_any_address():
    tree = load_tree(Settings.from_environment({"SCHEMAS_DIR": str(SCHEMAS)}))
    assert {each.state_name: each.sources for each in tree.exports}.items() >= {
        "exports/accounts_to_lake": ("amtdb/accounts",),
        "exports/accounts_to_reporting": ("amtdb/accounts",),
        "exports/leads_to_reporting": ("sales_service/leads",),
    }.items()


def test_the_template_is_a_valid_file_when_copied_into_place(tmp_path: Path):
    (tmp_path / "exports").mkdir()
    text = (SCHEMAS / "templates" / "export_template.yml").read_text()
    (tmp_path / "exports" / "copied.yml").write_text(text)
    for part in ("_defaults.yml", "mysql"):
        (tmp_path / part).symlink_to(SCHEMAS / part)
    tree = load_tree(Settings.from_environment({"SCHEMAS_DIR": str(tmp_path)}))
    assert [export.name for export in tree.exports] == ["copied"]


@pytest.mark.parametrize(
    ("sink", "place"),
    [
        ("{kind: bigquery, connection: a, dataset: sales, table: orders}", "a/sales.orders"),
        ("{kind: postgres, connection: crm, table: orders}", "crm.public.orders"),
        ("{kind: postgres, connection: crm, schema: app, table: orders}", "crm.app.orders"),
        ("{kind: mysql, connection: crm, database: other, table: orders}", "other.orders"),
        ("{kind: s3, connection: lake, prefix: a/b/}", "lake/a/b/"),
    ],
)
def test_each_kind_of_sink_is_read(tmp_path: Path, sink: str, place: str):
    (export,) = _tree(tmp_path, one=f"version: 1\nsource: {{query: SELECT 1 AS id}}\nsink: {sink}\n").exports
    assert export.file.sink.full_name == place
    assert export.file.export_mode is ExportMode.REPLACE


def test_with_a_key_the_mode_is_merge(tmp_path: Path):
    (export,) = _tree(tmp_path, one=FILE).exports
    assert export.file.export_mode is ExportMode.MERGE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("shop/orders", "shop/order"), ":2:10: No file brings 'shop/order' into the warehouse. Did you mean 'shop/orders'?"),
        (("{table: shop/orders}", "{}"), "The source is one of `table` and `query`. Write exactly one of them."),
        (("kind: s3", "kind: s4"), ":4:3: `sink.kind` is 's4'. Write one of 's3', 'bigquery', 'postgres', 'mysql'."),
        (("  prefix", "  prefx"), ":6:3: `prefx` is not a key of `sink`. Did you mean 'prefix'?"),
        (("exports/orders/", "/exports//orders"), ":6:3: The prefix '/exports//orders' is no folder. Write exports/orders/."),
        (("key: [id]", "mode: merge"), ":8:1: Nothing tells rows apart that are to be merged. Write key: [column]."),
        (("key: [id]", "key: [idd]"), ":8:7: 'idd' is no column of shop/orders. Did you mean 'id'?"),
        (("key: [id]", "key: [id]\nmode: append"), "An appended row replaces none, so a key means nothing."),
        (("key: [id]", "key: [id]\ncolumns: [{name: note}]"), ":8:7: 'id' is no column of this file."),
        (("key: [id]", "key: [id]\ncolumns: [{name: nota}, {name: id}]"), ":9:12: 'nota' is no column of shop/orders."),
        (("key: [id]", "key: [id]\ncolumns: [{name: _deleted}]"), "'_deleted' is a name of our own columns."),
        (("created_at", "note"), ":7:18: 'note' is String, which is neither a date nor a time."),
        (("created_at", "updated_at"), "A row of shop/orders may move to another date, and would then stand in both."),
        (("  partition_by: {column: created_at}\n", ""), "merge writes the dates anew in which a row of a table has changed"),
        (("shop/orders", "shop/countries"), "shop/countries is loaded in full, so rows that vanish leave no trace"),
        (("shop/orders", "shop/daily"), "leave no trace to be merged. Write mode: replace."),
        (("key: [id]", "mode: append"), "Rows of shop/orders are loaded again when they change, and would be appended again."),
        (("key: [id]", "key: [id]\nfreshnes: 1h"), ":9:1: `freshnes` is not a key of an export file. Did you mean 'freshness'?"),
        (("  prefix", "  file_size: 128\n  prefix"), "Write one like 128MB or 1GB."),
        (("  prefix", "  file_size: 9GB\n  prefix"), "Write 1MB to 5GB."),
    ],
    ids=lambda value: value[1].split("\n")[-1][:40] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_problem_has_its_place_and_a_cure(tmp_path: Path, change: tuple[str, str], words: str):
    assert words in _said(tmp_path, one=FILE.replace(*change))


def test_an_appended_table_is_appended(tmp_path: Path):
    text = FILE.replace("shop/orders", "shop/events").replace("key: [id]", "mode: append")
    (export,) = _tree(tmp_path, one=text).exports
    assert export.file.export_mode is ExportMode.APPEND


def test_two_files_never_write_to_one_place(tmp_path: Path):
    text = "version: 1\nsource: {{query: SELECT 1 AS id}}\nsink: {{kind: postgres, connection: crm, table: {}}}\n"
    said = _said(
        tmp_path,
        one=FILE,
        two=FILE.replace("exports/orders/", "exports/orders/more/"),
        three=text.format("orders"),
        four=text.format("orders"),
        five=text.format("others"),
    )
    assert "two.yml:6:3: one.yml writes below 'exports/orders/' of this bucket." in said
    assert ".yml writes crm.public.orders. Give each export a table." in said
    assert said.count("Give each export") == 2
