"""Every problem of a snapshot file is found with its line and a cure, all in one go."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from dagster_pipeline.errors import SchemaFilesError
from dagster_pipeline.schema_tree import SchemaTree, load_tree
from dagster_pipeline.settings import Settings

SCHEMAS = Path(__file__).parents[3] / "schemas"
TABLES = {
    "accounts": """version: 1
sync: {mode: incremental, cursor: updated_at}
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: status, type: varchar(20), nullable: true}
  - {name: email, type: varchar(20), mask: drop}
  - {name: updated_at, type: datetime}
""",
    "events": """version: 1
sync: {mode: append, cursor: at}
columns:
  - {name: at, type: datetime}
  - {name: seen, type: datetime, nullable: true}
  - {name: valid_from, type: date}
  - {name: what, type: varchar(20)}
""",
    "off": "version: 1\nenabled: false\ncolumns:\n  - {name: id, type: bigint}\n",
}
GOOD = 'version: 1\nsource: {table: shop/accounts}\nevery: day\nstart: "2026-01-01"\n'
LOG = GOOD.replace("accounts", "events")


def load(root: Path, **snapshots: str) -> SchemaTree:
    for folder, files in (("mysql/shop", TABLES), ("snapshots", snapshots)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (root / folder / f"{name}.yml").write_text(text)
    return load_tree(Settings.from_environment({"SCHEMAS_DIR": str(root)}))


def problems(root: Path, **snapshots: str) -> list[str]:
    with pytest.raises(SchemaFilesError) as caught:
        load(root, **snapshots)
    return [f"{Path(each.path).name}:{each.line}: {each.what} {each.todo}" for each in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "line", "what", "todo"),
    [
        (GOOD + "everry: day\n", 5, "`everry` is not a key of a snapshot file", "Did you mean 'every'?"),
        (GOOD.replace("day", "week"), 3, "`every` is 'week'; allowed are day and month", "Write one of them"),
        (GOOD.replace('start: "2026-01-01"\n', ""), 1, "`start` is missing", "Add it"),
        (
            GOOD.replace("2026-01-01", "1969-12-31"),
            4,
            "holds days from 1970 to 2149",
            "Write a day in between",
        ),
        (
            GOOD.replace("day", "month").replace("01-01", "01-02"),
            4,
            "middle of a month",
            'Write start: "2026-01-01"',
        ),
        (
            GOOD.replace("accounts", "acounts"),
            2,
            "'shop/acounts' is no table",
            "Did you mean 'shop/accounts'?",
        ),
        (GOOD.replace("accounts", "off"), 2, "shop/off is not enabled", "Enable it, or disable this file"),
        (GOOD.replace("{table: shop/accounts}", "{}"), 2, "`source` names no table", "Write table:"),
        (GOOD.replace("accounts}", "accounts, columns: [stat]}"), 2, "'stat' is no column of", "'status'"),
        (
            GOOD.replace("accounts}", "accounts, columns: [email]}"),
            2,
            "'email' of shop/accounts is masked",
            "",
        ),
        (
            GOOD.replace("accounts}", 'accounts, query: "SELECT 1 FROM {shop/events}"}'),
            2,
            "exclude each other",
            "Keep one",
        ),
        (GOOD + "key: [status]\n", 5, "'status' may be NULL and cannot be sorted by", "Choose another"),
        (
            GOOD + "key: [ident]\n",
            5,
            "'ident' is no column of shop/accounts",
            "Write a column that is copied",
        ),
        (GOOD + "destination: {order_by: [stats]}\n", 5, "'stats' is no column", "Did you mean 'status'?"),
        (GOOD + "destination: {table: 'a b'}\n", 5, "cannot be the destination's table", "another name"),
        (
            GOOD + "destination: {database: shop, table: accounts}\n",
            5,
            "shop.accounts is already taken by",
            "another name",
        ),
        (GOOD + "timestamp: updated_at\n", 5, "says nothing to `strategy: query`", "or remove it"),
        (
            GOOD + "strategy: append\ntimestamp: updated_at\n",
            5,
            "has sync.mode incremental",
            "strategy: query",
        ),
        (
            GOOD + "strategy: timestamp\ntimestamp: updated_at\nkey: [id]\n",
            5,
            "holds only the present",
            "query",
        ),
        (GOOD + "strategy: timestamp\ntimestamp: updated_at\n", 1, "needs `key`", "Write key:"),
        (GOOD + "strategy: current\n", 5, "allowed are query, timestamp and append", "Write one of them"),
        (LOG + "strategy: append\n", 1, "`strategy: append` needs `timestamp`", "Write timestamp:"),
        (
            LOG + "strategy: append\ntimestamp: when\n",
            6,
            "'when' is no column of shop/events",
            "Write a column",
        ),
        (
            LOG + "strategy: append\ntimestamp: what\n",
            6,
            "is no plain date or time",
            "Choose a date or time column",
        ),
        (LOG + "strategy: append\ntimestamp: seen\n", 6, "may be NULL", "never NULL"),
        (GOOD + "retention: 0\n", 5, "`retention` is too small", "The least is 1"),
        (GOOD + "max_shrink: half\n", 5, "is no share", "Write a percentage"),
        (GOOD + "timezone: Europe/Berln\n", 5, "is no time zone", "Did you mean 'Europe/Berlin'?"),
        (GOOD + 'schedule: "every day"\n', 5, "has not exactly five fields", "Write minute"),
        (GOOD + "owners: [somebody]\n", 5, "neither an e-mail address nor a team", "team:"),
        (GOOD + "slowly_changing: {view: x}\n", 5, "is already taken by", "another name"),
        (GOOD + "slowly_changing: {view: h, columns: [stat]}\n", 5, "'stat' is no column", "'status'"),
        (
            LOG + "slowly_changing: {view: h}\nkey: [what]\n",
            5,
            "'valid_from', which the view adds",
            "List the other",
        ),
        (LOG + "slowly_changing: {view: h}\n", 1, "`slowly_changing` needs `key`", "Write key:"),
    ],
)
def test_a_mistake_has_its_line_and_a_cure(
    tmp_path: Path, text: str, line: int, what: str, todo: str
) -> None:
    said = problems(tmp_path, x=GOOD, z=text)
    assert any(each.startswith(f"z.yml:{line}: ") and what in each and todo in each for each in said), said


QUERY = 'version: 1\nsource:\n  query: "SELECT {}"\nkey: [id]\nevery: day\nstart: "2026-01-01"\n'


@pytest.mark.parametrize(
    ("query", "what", "todo"),
    [
        ("1", "reads no table of this project", "{database/table}"),
        ("1 FROM {shop/acounts}", "'shop/acounts' is no table", "Did you mean 'shop/accounts'?"),
        (
            "1 FROM {shop/accounts} WHERE a < {snapshot_en}",
            "{snapshot_en}, which stands for nothing",
            "'snapshot_end'?",
        ),
        ("1 FROM {shop/accounts} WHERE (", "does not read as ClickHouse's SQL", "Correct it"),
        ("1 FROM {shop/accounts}; SELECT 2", "is 2 statements", "Write one SELECT"),
        ("1 FROM {shop/accounts} INTO OUTFILE 'x'", "no SELECT but INTO OUTFILE", "Write one SELECT"),
        ("1 FROM {shop/accounts} FORMAT CSV", "in which FORMAT to answer", "Remove FORMAT"),
    ],
)
def test_a_query_reads_tables_of_the_project_and_writes_nothing(
    tmp_path: Path, query: str, what: str, todo: str
) -> None:
    said = problems(tmp_path, z=QUERY.replace("{}", query))
    assert any(each.startswith("z.yml:3: ") and what in each and todo in each for each in said), said


def test_a_query_deletes_nothing(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, z=QUERY.replace("SELECT {}", "DELETE FROM {shop/accounts} WHERE 1"))
    assert "no SELECT but DELETE" in said


def test_strategies_that_look_back_read_a_table(tmp_path: Path) -> None:
    text = QUERY.replace("{}", "id FROM {shop/accounts}") + "strategy: append\ntimestamp: at\n"
    assert any("compare with {snapshot_end} in the query" in each for each in problems(tmp_path, z=text))


def test_problems_of_tables_and_snapshots_come_together(tmp_path: Path) -> None:
    (tmp_path / "mysql/shop").mkdir(parents=True)
    (tmp_path / "mysql/shop/bad.yml").write_text("version: 1\n")
    said = problems(tmp_path, z=GOOD + "everry: day\n", y=GOOD + "retention: 0\n")
    assert {each.partition(":")[0] for each in said} == {"bad.yml", "y.yml", "z.yml"}


def test_defaults_follow_from_the_table(tmp_path: Path) -> None:
    (snapshot,) = load(tmp_path, mine=GOOD).snapshots
    assert (snapshot.name, snapshot.key, snapshot.order_by) == ("snapshots/mine", ("id",), ("id",))
    assert [column.name for column in snapshot.columns] == ["id", "status", "updated_at"]
    assert not snapshot.knows_the_past


def test_committed_snapshots_load_and_name_their_json_schema() -> None:
    tree = load_tree(Settings.from_environment({"SCHEMAS_DIR": str(SCHEMAS)}))
    files = sorted((SCHEMAS / "snapshots").glob("*.yml"))
    assert [snapshot.path for snapshot in tree.snapshots] == files
    for path in files:
        assert path.read_text().startswith("# yaml-language-server: $schema=../snapshots.schema.json\n")


def test_the_template_is_valid_and_names_every_key(tmp_path: Path) -> None:
    text = (SCHEMAS / "templates/snapshot_template.yml").read_text()
    (tmp_path / "mysql/shop").mkdir(parents=True)
    (tmp_path / "mysql/shop/orders.yml").write_text(
        "version: 1\ncolumns:\n  - {name: id, type: bigint, primary_key: true}\n  - {name: region, type: char(2)}\n"
        "  - {name: amount, type: double}\n  - {name: is_test, type: int}\n"
    )
    (snapshot,) = load(tmp_path, orders=text).snapshots
    assert snapshot.name == "snapshots/orders"
    assert dataclasses.replace(snapshot, reads={}).columns == ()
    missing = {key for key in type(snapshot.file).model_fields if f"{key}:" not in text}
    assert not missing
