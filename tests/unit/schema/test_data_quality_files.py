"""Files of checks over several tables: what a right one means, and every mistake on its line with a cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_pipeline.errors import SchemaFilesError
from dagster_pipeline.schema_tree import SchemaTree, load_tree
from dagster_pipeline.settings import Settings

ORDERS = """version: 1
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: customer_id, type: bigint}
  - {name: amount, type: "decimal(10,2)"}
  - {name: secret, type: text, mask: drop}
"""
CUSTOMERS = """version: 1
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: spent, type: "numeric(10,2)"}
"""
OFF = "version: 1\nenabled: false\ncolumns:\n  - {name: id, type: bigint, primary_key: true}\n"


def tree_of(folder: Path, text: str, name: str = "shop") -> SchemaTree:
    files = {
        "mysql/shop/orders.yml": ORDERS,
        "postgres/crm/customers.yml": CUSTOMERS,
        "mysql/shop/off.yml": OFF,
        f"data_quality/{name}.yml": text,
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    return load_tree(Settings.from_environment({"SCHEMAS_DIR": str(folder)}))


def query(sql: str) -> str:
    return f"version: 1\nchecks:\n  - sql:\n      name: x\n      query: {sql} # <--\n"


RIGHT = [
    "SELECT count() FROM {shop/orders} AS o LEFT JOIN {crm/customers} c ON c.id = o.customer_id WHERE c.id = 0",
    "WITH big AS (SELECT id, amount * 2 AS twice FROM {shop/orders}) SELECT sum(twice) FROM big",
    "SELECT sum(total) FROM (SELECT customer_id, sum(amount) AS total FROM {shop/orders} GROUP BY customer_id)",
    "SELECT count() FROM {shop/orders} WHERE id NOT IN (SELECT id FROM {crm/customers}) AND _version > 0",
    "SELECT arraySum(x -> x * 2, groupArray(amount)) FROM {shop/orders}",
    "SELECT count() FROM elsewhere.unknown AS u WHERE u.anything = 1",
    "SELECT count() FROM system.tables WHERE database = 'shop'",
    "SELECT count() FROM shop.orders__quarantine FINAL",
    "SELECT (SELECT sum(amount) FROM {shop/orders}) - (SELECT sum(spent) FROM {crm/customers})",
]


@pytest.mark.parametrize("sql", RIGHT)
def test_a_query_that_only_reads_what_there_is_is_taken(tmp_path: Path, sql: str) -> None:
    (file,) = tree_of(tmp_path, query(f'"{sql}"')).data_quality
    assert file.value.severity == "error"


def entry(text: str) -> str:
    return f"version: 1\nchecks:\n{text}"


WRONG = {
    "a table without a file": (
        query('"SELECT count() FROM {shop/oders} o"'), "'shop/oders', which no file", "'shop/orders'"
    ),
    "a table whose file is off": (
        query('"SELECT count() FROM {shop/off} o"'), "'shop/off', which no file", "Did you mean"
    ),
    "a table written out that no file brings": (
        query('"SELECT count() FROM shop.oders"'), "'shop.oders', which no file", "'shop/orders'"
    ),
    "an unknown column of a named table": (
        query('"SELECT count() FROM {shop/orders} AS o WHERE o.amonut > 0"'), "'amonut', which is no column", "'amount'"
    ),
    "an unknown column in a part of the query": (
        query('"SELECT sum(t) FROM (SELECT sum(spend) AS t FROM {crm/customers})"'), "'spend'", "'spent'"
    ),
    "a column that is left out": (
        query('"SELECT count() FROM {shop/orders} AS o WHERE o.secret > 1"'), "'secret'", "Its columns are"
    ),
    "an insert": (
        query('"INSERT INTO shop.orders SELECT * FROM {shop/orders}"'), "no SELECT but INSERT", "Write one SELECT"
    ),
    "a drop": (query('"DROP TABLE {shop/orders}"'), "no SELECT but DROP", "Write one SELECT"),
    "a select that writes a file": (
        query('"SELECT 1 FROM {shop/orders} o INTO OUTFILE \'/tmp/x\'"'), "OUTFILE", "Write one SELECT"
    ),
    "two statements": (query('"SELECT 1; SELECT 2"'), "2 statements", "one SELECT"),
    "no SQL": (query('"SELECT count( FROM {shop/orders} o"'), "does not read as ClickHouse's SQL", "Correct"),
    "a reference from an unknown column": (
        entry("""  - references:
      name: r
      table: shop/orders
      column: custmer_id # <--
      to: crm/customers
      field: id
"""),
        "'custmer_id' is no column of shop/orders",
        "'customer_id'",
    ),
    "a reference to an unknown table": (
        entry("""  - references:
      name: r
      table: shop/orders
      column: customer_id
      to: crm/custmers # <--
      field: id
"""),
        "'crm/custmers' is no table",
        "'crm/customers'",
    ),
    "a side with an unknown column": (
        entry("""  - agree:
      name: a
      left: {table: shop/orders, value: sum(amuont)} # <--
      right: {table: crm/customers, value: sum(spent)}
"""),
        "'amuont'",
        "'amount'",
    ),
    "a side whose filter writes": (
        entry("""  - agree:
      name: a
      left: {table: shop/orders, value: count(), where: '1); DROP TABLE x'} # <--
      right: {table: crm/customers, value: count()}
"""),
        "does not read",
        "Correct",
    ),
    "two checks of one name": (
        entry("""  - sql: {name: x, query: SELECT 0} # <--
  - sql: {name: x, query: SELECT 0} # <--
"""),
        "'x' is written 2 times",
        "Rename",
    ),
    "two checks in one entry": (
        entry("""  - sql: {name: x, query: SELECT 0} # <--
    references: {name: y, table: a/b, column: c, to: d/e, field: f}
"""),
        "holds 2 checks",
        "Write one of",
    ),
    "an unknown key": (entry("  - sqll: {name: x, query: SELECT 0} # <--\n"), "`sqll`", "'sql'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_found_on_its_line_with_a_cure(tmp_path: Path, mistake: str) -> None:
    text, what, todo = WRONG[mistake]
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "# <--" in line]
    with pytest.raises(SchemaFilesError) as refused:
        tree_of(tmp_path, text)
    problems = [each for each in refused.value.problems if each.path.endswith("data_quality/shop.yml")]
    assert sorted({each.line for each in problems}) == lines
    assert what in problems[0].what
    assert todo in problems[0].todo


def test_a_file_whose_name_is_a_tables_is_refused(tmp_path: Path) -> None:
    clash = tmp_path / "mysql/data_quality/shop.yml"
    clash.parent.mkdir(parents=True)
    clash.write_text(CUSTOMERS)
    with pytest.raises(SchemaFilesError, match="brings data_quality/shop into the warehouse"):
        tree_of(tmp_path, query("SELECT 0"))
