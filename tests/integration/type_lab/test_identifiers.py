"""Tables and columns with any name that a source allows travel under that name."""

from __future__ import annotations

import pytest

from dagster_pipeline.errors import SchemaFilesError
from tests.type_lab.laboratory import Laboratory

NAMES = (
    *(
        "select",
        "table",
        "order",
        "group",
        "null",
        "true",
        "default",
        "index",
        "key",
        "values",
        "from",
        "user",
    ),
    *(
        "CamelCase",
        "UPPER",
        "lower",
        "with space",
        " leading",
        "dash-dash--",
        "sla/sh",
        "back\\slash",
        "dot.dot",
    ),
    *(
        "per%cent",
        "per%%cent",
        "per%s",
        "quest?ion",
        "co:lon",
        "::cast",
        ":name",
        "{column}",
        "{table}",
        "{0}",
        "$1",
        "@at",
    ),
    *(
        "single'quote",
        'double"quote',
        "back`tick",
        "`",
        '"',
        "'",
        "semi;colon",
        "com,ma",
        "(paren)",
        "[bracket]",
    ),
    *("#hash", "-- comment", "/* comment */", "über", "表", "имя", "1starts_with_digit", "123", "a" * 60),
    *("version", "deleted", "_out_of_range_0", "newest", "settled", "value", "size", "probe", "count", "x"),
)
TABLES = (
    "select",
    " leading CamelCase",
    "per%cent %s %%'\"`",
    "sla/sh back\\slash dot.dot;semi-- #/*",
    ":name ?$1 {0} {table} über表имя",
    "a" * 60,
)
OURS = ("_version", "_deleted", "_synced_at")


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_columns_of_any_name(laboratory: Laboratory, mode: str) -> None:
    database = laboratory.database
    table = f"columns_{mode}"
    database.create(table, [f"{database.quote(name)} int" for name in NAMES])
    listed = ", ".join(map(database.quote, NAMES))
    for row in (1, 2):
        values = ", ".join(str(100 * row + number) for number in range(len(NAMES)))
        database.run(
            f"INSERT INTO {table} (id, changed_at, {listed}) VALUES ({row}, '2024-01-0{row}', {values})"
        )
    kind = "integer" if database.dialect == "postgres" else "int"
    columns = [{"name": name, "type": kind, "nullable": True} for name in NAMES]
    assert laboratory.load(table, columns, mode=mode).moved.rows == 2
    database.run(
        f"UPDATE {database.quote(table)} SET {database.quote(NAMES[0])} = 7, changed_at = '2024-03-01' WHERE id = 2"
    )
    laboratory.load(table, columns, mode=mode)
    expected = database.run(f"SELECT {listed} FROM {database.quote(table)} ORDER BY id")
    selected = ", ".join(map(quoted, NAMES))
    assert laboratory.sink.rows(f"SELECT {selected} FROM lab.{quoted(table)} FINAL ORDER BY id") == expected
    found = laboratory.sink.rows(
        f"SELECT name FROM system.columns WHERE database = 'lab' AND table = '{table}' AND name NOT IN ('id', 'changed_at')"
    )
    assert {name for (name,) in found} - {*OURS} == {*NAMES}


def test_tables_of_any_name(laboratory: Laboratory) -> None:
    database = laboratory.database
    kind = "integer" if database.dialect == "postgres" else "int"
    for number, name in enumerate(TABLES):
        database.create(name, [f"{database.quote(name)} int"])
        database.run(f"INSERT INTO {database.quote(name)} VALUES (1, '2024-01-01', 5), (2, '2024-01-02', 6)")
        columns = [{"name": name, "type": kind, "nullable": True}]
        place = f"named_{number}"
        laboratory.load(name, columns, mode="incremental", arrives_in=place)
        changed = f"{database.quote(name)} = 9, changed_at = '2024-03-01'"
        database.run(f"UPDATE {database.quote(name)} SET {changed} WHERE id = 2")
        laboratory.load(name, columns, mode="incremental", arrives_in=place)
        rows = laboratory.sink.rows(f"SELECT id, {quoted(name)} FROM lab.{place} FINAL ORDER BY id")
        assert rows == [(1, 5), (2, 9)], name


@pytest.mark.parametrize("name", ["with space", "back`tick", "per%cent", "über/unter"])
def test_a_destination_of_an_odd_name_is_refused_with_its_line_and_a_better_one(
    laboratory: Laboratory, name: str
) -> None:
    with pytest.raises(SchemaFilesError, match=r"table\.yml:\d+:\d+: .*Write destination: \{table: "):
        laboratory.schema(name, [], mode="full")


@pytest.mark.parametrize("name", ["new\nline", "tab\there", "\x7f"], ids=["line feed", "tab", "delete"])
def test_a_column_with_a_control_character_in_its_name_is_refused_with_its_line(
    laboratory: Laboratory, name: str
) -> None:
    with pytest.raises(SchemaFilesError, match=r"table\.yml:\d+:\d+: .*control character"):
        laboratory.schema("t", [{"name": name, "type": "bigint"}], mode="full")


@pytest.mark.parametrize("name", OURS)
def test_a_column_with_one_of_our_own_names_is_refused_with_its_line(
    laboratory: Laboratory, name: str
) -> None:
    with pytest.raises(SchemaFilesError, match=r"table\.yml:\d+:\d+: .*" + name):
        laboratory.schema("t", [{"name": name, "type": "bigint"}], mode="full")


def quoted(name: str) -> str:
    return (
        "`" + name.replace("\\", "\\\\").replace("`", "\\`").replace("\n", "\\n").replace("\t", "\\t") + "`"
    )


def test_a_source_column_with_one_of_our_own_names_stays_behind_and_is_named(laboratory: Laboratory) -> None:
    laboratory.database.create("ours_at_the_source", ["_version int", "note int"])
    laboratory.database.run("INSERT INTO ours_at_the_source VALUES (1, '2024-01-01', 77, 5)")
    kind = "integer" if laboratory.database.dialect == "postgres" else "int"
    result = laboratory.load(
        "ours_at_the_source", [{"name": "note", "type": kind, "nullable": True}], mode="full"
    )
    assert any("_version" in note for note in result.notes)
    ((version, note),) = laboratory.sink.rows("SELECT _version, note FROM lab.ours_at_the_source")
    assert (version != 77, note) == (True, 5)
