"""Files of reverse ETL and of data migration: every problem has its line and a cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_pipeline.errors import SchemaFilesError
from dagster_pipeline.schema_tree import load_tree
from dagster_pipeline.settings import Settings

SCHEMAS = Path(__file__).parents[3] / "schemas"
FLOW = """version: 1
source: {query: SELECT 1 AS id}
target: {dialect: postgres, connection: crm, table: t}
key: [id]
columns: [{name: id}]
"""
MIGRATION = """version: 1
source: {dialect: mysql, connection: a, table: t}
target: {dialect: mysql, connection: b, table: t}
key: [id]
"""


def _said(tmp_path: Path, kind: str, text: str, name: str = "one") -> str:
    path = tmp_path / kind / f"{name}.yml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(SchemaFilesError) as caught:
        load_tree(Settings.from_environment({"SCHEMAS_DIR": str(tmp_path)}))
    return str(caught.value)


def test_the_examples_load_without_any_address():
    tree = load_tree(Settings.from_environment({"SCHEMAS_DIR": str(SCHEMAS)}))
    assert [flow.name for flow in tree.reverse_etl] == ["customer_balances_to_crm"]
    assert [each.name for each in tree.data_migration] == ["migrate_staging_leads_to_production"]


@pytest.mark.parametrize(
    ("kind", "template"),
    [("reverse_etl", "reverse_etl_template.yml"), ("data_migration", "data_migration_template.yml")],
)
def test_a_template_is_a_valid_file_when_copied_into_place(tmp_path: Path, kind: str, template: str):
    (tmp_path / kind).mkdir()
    (tmp_path / kind / "copied.yml").write_text((SCHEMAS / "templates" / template).read_text())
    for part in ("_defaults.yml", "mysql"):
        (tmp_path / part).symlink_to(SCHEMAS / part)
    tree = load_tree(Settings.from_environment({"SCHEMAS_DIR": str(tmp_path)}))
    assert len(tree.reverse_etl) + len(tree.data_migration) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("query: SELECT 1 AS id", "table: amtdb/accounts"), ":2:10: No file brings 'amtdb/accounts' into the warehouse."),
        (("query: SELECT 1 AS id", "query: DROP TABLE x"), ":2:10: The query is no SELECT but DROP"),
        (("{query: SELECT 1 AS id}", "{}"), "The source is one of `table` and `query`. Write exactly one of them."),
        (("key: [id]", "key: [ids]"), ":4:7: 'ids' is no column of this file. Did you mean 'id'?"),
        (("[{name: id}]", "[{name: id}, {name: id}]"), "Column 'id' is written 2 times."),
        (("key: [id]", "key: [id]\nmode: update"), "There is nothing to update: every column is part of the key."),
        (("key: [id]", "key: [id]\nmodus: update"), ":5:1: "),
        (("key: [id]", "key: [id]\nmax_change: 5"), "Write a percentage, e.g. 5%."),
    ],
)  # fmt: skip
def test_a_problem_of_a_flow_has_its_place_and_a_cure(tmp_path: Path, change: tuple[str, str], words: str):
    assert words in _said(tmp_path, "reverse_etl", FLOW.replace(*change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("target: {dialect: mysql", "target: {dialect: postgres"), "Rows move between databases of one kind"),
        (("key: [id]", "key: [id]\nrules: {format: [{column: id, pattern: '('}]}"), "is no regular expression"),
        (("key: [id]", "key: [id]\ncolumns: [{name: idd}]"), "'id' is no column of this file. Did you mean 'idd'?"),
    ],
)  # fmt: skip
def test_a_problem_of_a_migration_has_its_place_and_a_cure(
    tmp_path: Path, change: tuple[str, str], words: str
):
    assert words in _said(tmp_path, "data_migration", MIGRATION.replace(*change))


def test_a_name_that_no_asset_can_have_is_refused(tmp_path: Path):
    assert "is no name of an asset" in _said(tmp_path, "reverse_etl", FLOW, name="one two")
