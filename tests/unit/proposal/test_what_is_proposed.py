"""The rules of a proposal: each choice follows from the survey, and stands in the file with its evidence."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from dagster_pipeline.connectors.batch import SourceColumn, SourceTable
from dagster_pipeline.connectors.sources.base_surveyor import CursorFacts, Survey
from dagster_pipeline.proposal.propose import propose, worth_asking
from dagster_pipeline.proposal.table_file import table_file
from dagster_pipeline.schema.personal_names import proposed_mask
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings

MOVING = CursorFacts(newest="2026-11-20 10:00:00", has_nulls=False, recent=True)
ID = SourceColumn("id", "bigint", False)
CREATED = SourceColumn("created_at", "datetime", False)
UPDATED = SourceColumn("updated_at", "datetime", False)


def survey(
    *columns: SourceColumn, key: tuple[str, ...] = ("id",), rows: int = 1000, indexes: tuple[str, ...] = ()
) -> Survey:
    table = SourceTable(
        name="shop.orders", columns=columns, primary_key=key, estimated_rows=rows, estimated_bytes_per_row=50
    )
    return Survey(table, comment="", indexes=tuple((name,) for name in indexes), renewed=frozenset())


def written(found: Survey, facts: dict[str, CursorFacts], *, table: str = "orders") -> tuple[str, Any]:
    text = table_file(
        propose(found, facts, {}), file=PurePosixPath("mysql", "shop", "orders.yml"), table=table
    )
    return text, yaml.safe_load(text)


def test_types_keys_and_comments_are_the_catalogs() -> None:
    total = SourceColumn("total", "decimal(20,4)", True, "net:\nof 'tax' # and \"fees\"")
    text, file = written(survey(ID, total), {})
    assert file["columns"] == [
        {"name": "id", "type": "bigint", "primary_key": True},
        {
            "name": "total",
            "type": "decimal(20,4)",
            "nullable": True,
            "description": "net: of 'tax' # and \"fees\"",
        },
    ]
    assert file["checks"] == [{"unique": ["id"]}, {"row_count": {"min": 1}}]
    assert text.startswith("# yaml-language-server: $schema=../../table.schema.json\n")


def test_an_indexed_column_that_follows_changes_is_the_cursor_with_its_evidence() -> None:
    found = survey(ID, CREATED, UPDATED, indexes=("id", "updated_at"))
    text, file = written(found, {"updated_at": MOVING, "created_at": MOVING})
    assert file["sync"] == {"mode": "incremental", "cursor": "updated_at", "deletes": "ignore"}
    assert "updated_at: indexed, no row without a value, newest 2026-11-20 10:00:00, it moves" in text
    assert "Does everything that changes a row also set updated_at?" in text


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (CursorFacts("2026-11-20", has_nulls=True, recent=True), "has rows without a value"),
        (None, "its values were not looked at"),
    ],
)
def test_a_cursor_that_would_miss_rows_or_was_not_seen_is_not_taken(
    facts: CursorFacts | None, says: str
) -> None:
    text, file = written(survey(ID, UPDATED), {} if facts is None else {"updated_at": facts})
    assert file["sync"] == {"mode": "full", "deletes": "ignore"}
    assert says in text


def test_a_cursor_that_stood_still_for_a_month_is_asked_about() -> None:
    still = CursorFacts("2019-01-01 00:00:00", has_nulls=False, recent=False)
    text, _ = written(survey(ID, UPDATED), {"updated_at": still})
    assert "Does updated_at still move? Its newest value is 2019-01-01 00:00:00." in text


def test_a_large_table_without_an_index_is_not_read_to_look_at_a_cursor() -> None:
    found = survey(ID, UPDATED, rows=50_000_000, indexes=("id",))
    assert [each.column.name for each in worth_asking(found)] == ["id"]


def test_without_a_key_new_rows_are_appended() -> None:
    _, file = written(survey(CREATED, key=()), {"created_at": MOVING})
    assert (file["sync"]["mode"], file["sync"]["cursor"]) == ("append", "created_at")


@pytest.mark.parametrize(
    "name", ["exchange_date", "last_login_at", "catalog_date", "synchronised", "update_interval_x"]
)
def test_words_inside_of_other_words_make_no_cursor_and_no_partition(name: str) -> None:
    kind = "interval" if name.startswith("update") else "datetime"
    column = SourceColumn(name, kind, False)
    _, file = written(survey(ID, column, rows=20_000_000), {name: MOVING})
    assert file["sync"]["mode"] == "full"
    assert "destination" not in file


@pytest.mark.parametrize("kind", ["daterange", "timestamp without time zone[]", "int4range"])
def test_ranges_and_arrays_are_no_points_in_time(kind: str) -> None:
    column = SourceColumn("updated_at", kind, False)
    assert [each.column.name for each in worth_asking(survey(column, key=("updated_at",)))] == []


@pytest.mark.parametrize("name", ["updatedAt", "UPDATED_AT", "date_modified", "LastUpdate"])
def test_any_spelling_of_a_change_is_seen(name: str) -> None:
    _, file = written(survey(ID, SourceColumn(name, "timestamp", False)), {name: MOVING})
    assert file["sync"]["cursor"] == name


@pytest.mark.parametrize(
    ("rows", "expression"),
    [(999_999, None), (1_000_000, "toYYYYMM(created_at)"), (900_000_000, "toMonday(created_at)")],
)
def test_partitions_follow_the_size(rows: int, expression: str | None) -> None:
    text, file = written(survey(ID, CREATED, rows=rows, indexes=("id",)), {"id": MOVING})
    assert file.get("destination", {}).get("partition_by") == expression
    assert f"about {rows:,} rows" in text
    assert [each.get("immutable") for each in file["columns"]] == [None, True if expression else None]


@pytest.mark.parametrize(
    ("name", "kind", "mask"),
    [
        ("email", "varchar(255)", "hmac_sha256"),
        ("customerName", "text", "hmac_sha256"),
        ("date_of_birth", "date", "hmac_sha256"),
        ("password_hash", "char(60)", "drop"),
        ("api-key", "text", "drop"),
        ("email_verified_at", "datetime", None),
        ("token_created_at", "timestamp with time zone", None),
        ("phone_count", "int", None),
        ("product", "varchar(20)", None),
    ],
)
def test_names_that_look_personal_get_a_mask(name: str, kind: str, mask: str | None) -> None:
    assert proposed_mask(name, kind) == mask


def test_a_mask_is_a_question_and_never_hides_the_key() -> None:
    email = SourceColumn("email", "varchar(99)", False)
    phone = SourceColumn("phone", "varchar(20)", True)
    text, file = written(survey(email, phone, key=("email",)), {})
    assert [each.get("mask") for each in file["columns"]] == [None, "hmac_sha256"]
    assert "A mask is proposed by their names: phone." in text


NAMES = [
    "no",
    "null",
    "1e3",
    "007",
    "a: b",
    "#x",
    "- y",
    "q\"u'o",
    "back`tick\\",
    "größe",
    "{a}",
    " sp ",
    "~",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_kind_survive_and_validate(name: str, tmp_path: Path) -> None:
    column = SourceColumn(name, "varchar(10)", True, name)
    created = SourceColumn(f"created {name}", "datetime", False)
    found = survey(ID, column, created, rows=5_000_000, indexes=("id",))
    text, file = written(found, {}, table=name)
    assert [each["name"] for each in file["columns"]] == ["id", name, f"created {name}"]
    assert file["source"]["table"] == name
    path = tmp_path / "mysql" / "shop" / "orders.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    (loaded,) = load_tables(Settings.from_environment({"SCHEMAS_DIR": str(tmp_path)}))
    assert loaded.source.table == name
    assert [each.name for each in loaded.columns][1] == name


@pytest.mark.parametrize("name", ["tab\there", "bell\a"], ids=["tab", "bell"])
def test_control_characters_are_escaped_so_that_validation_can_name_them(name: str) -> None:
    created = SourceColumn(f"created {name}", "datetime", False)
    _, file = written(survey(ID, created, rows=5_000_000), {}, table=name)
    assert (file["source"]["table"], file["columns"][1]["name"]) == (name, f"created {name}")
