"""`trigger:` of a table file: what is wrong has its line and a cure."""

from pathlib import Path

import pytest

from dagster_pipeline.errors import SchemaFilesError
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings

COLUMNS = "\ncolumns:\n  - {name: id, type: bigint, primary_key: true}\n"


def load(root: Path, trigger: str, dialect: str = "postgres"):
    file = root / dialect / "shop" / "orders.yml"
    file.parent.mkdir(parents=True)
    file.write_text(f"version: 1\ntrigger: {trigger}{COLUMNS}")
    return load_tables(Settings.from_environment({"SCHEMAS_DIR": str(root)}))


@pytest.mark.parametrize(
    ("trigger", "what", "todo"),
    [
        ("{}", "`trigger` names nothing to look for", "Write one of control_row and s3"),
        ("{s3: {connection: a}, control_row: {query: SELECT 1}}", "both control_row and s3", "Write one of"),
        ("{s3: {prefix: a}}", "`trigger.s3.connection` is missing", "Add it"),
        ("{s3: {connection: a, pattern: ''}}", "`trigger.s3.pattern` is empty", "Write a value"),
        ("{control_row: {query: ' '}}", "`trigger.control_row.query` is empty", "Write an expression"),
        ("{control_row: {query: DELETE FROM a}}", "The query is not one SELECT", "Write one SELECT"),
        ("{control_row: {query: SELECT 1; SELECT 2}}", "The query is not one SELECT", "Write one SELECT"),
        ("{control_row: {query: SELECT (1}}", "does not read as postgres's SQL", "Correct it"),
        ("{control_row: {query: SELECT 1}, every: 4s}", "`trigger.every` is too short", "The shortest is 5s"),
        ("{control_row: {query: SELECT 1}, evry: 1m}", "`evry` is not a key", "Did you mean 'every'?"),
        ("{file: x}", "`file` is not a key", "Known keys are control_row, s3 and every"),
    ],
)
def test_a_mistake_has_its_line_and_a_cure(tmp_path, trigger, what, todo):
    with pytest.raises(SchemaFilesError) as caught:
        load(tmp_path, trigger)
    assert any(
        each.line == 2 and what in each.what and todo in each.todo for each in caught.value.problems
    ), str(caught.value)


def test_a_query_is_read_in_its_sources_own_sql(tmp_path):
    quoted = '{control_row: {query: "SELECT `id` FROM `control` WHERE `ready` <=> 1"}}'
    (table,) = load(tmp_path / "good", quoted, "mysql")
    assert table.trigger is not None
    assert table.trigger.every.total_seconds() == 30
