"""`preview` shows rows as a load would store them, and changes nothing."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from dagster_pipeline.checks.questions import Subject
from dagster_pipeline.checks.run import run_check
from dagster_pipeline.connections import open_warehouse
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.type_mapper.type_mapper import TypeMapper
from tests.integration.commands.shop import Shop

PEOPLE = """
    version: 1
    sync: {{mode: incremental, cursor: changed_at, out_of_range: "{policy}"}}
    columns:
      - {{name: id, type: bigint, primary_key: true}}
      - {{name: email, type: {text}, nullable: true, mask: hmac_sha256}}
      - {{name: password, type: {text}, mask: drop}}
      - {{name: born, type: date}}
      - {{name: motto, type: {text}, nullable: true}}
      - {{name: changed_at, type: {moment}}}
"""


@pytest.fixture
def people(shop: Shop) -> Shop:
    is_mysql = shop.database.dialect == "mysql"
    moment = "datetime(6)" if is_mysql else "timestamp(6)"
    shop.database.run(
        f"CREATE TABLE people (id bigint PRIMARY KEY, email varchar(99), password varchar(99) NOT NULL, born date NOT NULL, "
        f"motto varchar(99), changed_at {moment} NOT NULL)"
    )
    odd = "0000-00-00" if is_mysql else "0044-03-15"
    shop.database.run(
        "INSERT INTO people VALUES (1, 'ada@example.com', 'pw', '1815-12-10', NULL, '2024-01-01'),"
        " (2, NULL, 'pw', '1950-01-02', 'a\tb', '2024-01-01'),"
        f" (3, 'old@example.com', 'pw', '{odd}', '', '2024-01-01')"
    )
    write(shop, "clamp")
    return shop


def write(shop: Shop, policy: str) -> None:
    is_mysql = shop.database.dialect == "mysql"
    moment = "datetime(6)" if is_mysql else "timestamp(6) without time zone"
    text = "varchar(99)" if is_mysql else "character varying(99)"
    shop.write("people", PEOPLE.format(policy=policy, text=text, moment=moment))


def stored(shop: Shop) -> list[dict[str, str | None]]:
    names = ["id", "email", "born", "motto", "changed_at"]
    rows = shop.ask(
        f"SELECT {', '.join(f'toString({name})' for name in names)} FROM shop.people FINAL ORDER BY id"
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize("shop", ["postgres", "mysql"], indirect=True)
def test_the_rows_are_those_that_a_load_then_stores(people: Shop) -> None:
    seen = people.call_json("preview", "shop/people")
    assert (seen["rows_to_read"], seen["rows_in_destination"], seen["stops"]) == (3, 0, False)
    assert people.ask("SELECT count() FROM system.tables WHERE database = 'shop'") == [(0,)]
    people.load("people")
    assert sorted(seen["rows"], key=lambda row: int(row["id"])) == stored(people)


@pytest.mark.parametrize("shop", ["postgres", "mysql"], indirect=True)
def test_no_clear_value_of_a_masked_column_is_shown(people: Shop) -> None:
    _, out, err = people.call("preview", "shop/people")
    key = people.variables["MASK_KEY"].encode()
    wanted = hmac.new(key, b"ada@example.com", hashlib.sha256).hexdigest()
    assert people.call_json("preview", "shop/people", "--columns", "email,id")["rows"][0]["email"] == wanted
    assert "@example.com" not in out + err
    assert "pw" not in out
    assert "email (hmac_sha256)" in out


@pytest.mark.parametrize("shop", ["postgres", "mysql"], indirect=True)
@pytest.mark.parametrize(("policy", "code"), [("clamp", 0), ("null", 0), ("fail", 1)])
def test_what_does_not_fit_stands_beside_what_it_becomes(people: Shop, policy: str, code: int) -> None:
    write(people, policy)
    odd = "0000-00-00" if people.database.dialect == "mysql" else "0044-03-15"
    found, out, err = people.call("preview", "shop/people")
    assert (found, err) == (code, "")
    assert odd in out
    seen = people.call_json("preview", "shop/people")
    assert seen["out_of_range"]["born"]["rows"] == 2
    assert {each["was"] for each in seen["changed"]} == {odd, "1815-12-10"}
    assert ("stops the run" in out) == (policy == "fail")


def test_it_shows_as_many_rows_as_asked_for_and_letters_that_are_harmless(people: Shop) -> None:
    people.database.run("UPDATE people SET motto = E'\\x1b[2J' || repeat('x', 90)")
    _, out, _ = people.call("preview", "shop/people", "--rows", "2", "--columns", "id,motto")
    assert "2 rows as they would arrive" in out
    assert "\x1b" not in out
    assert "xxx…" in out


def test_a_column_that_does_not_arrive_is_named(people: Shop) -> None:
    code, _, err = people.call("preview", "shop/people", "--columns", "password")
    assert code == 1
    assert "No column 'password' arrives in the warehouse." in err


@pytest.mark.parametrize("shop", ["postgres", "mysql"], indirect=True)
def test_a_named_key_hashes_and_the_check_of_masks_sees_a_clear_value(
    people: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.change("people", "mask: hmac_sha256", "mask: hmac_sha256, mask_key: v2")
    assert "Set MASK_KEY_V2." in people.call("preview", "shop/people")[2]
    people.variables["MASK_KEY_V2"] = "another key"
    monkeypatch.setenv("MASK_KEY_V2", "another key")
    people.load("people")
    wanted = hmac.new(b"another key", b"ada@example.com", hashlib.sha256).hexdigest()
    assert stored(people)[0]["email"] == wanted
    (schema,) = load_tables(people.settings)
    (check,) = schema.checks
    subject = Subject(sink_table(schema, TypeMapper().map(schema)))
    with open_warehouse(people.settings, run_id="test") as sink:
        assert run_check(check, subject, sink.rows, masked=["email"]).verdict.passed
        sink.run(
            "INSERT INTO shop.people SELECT * REPLACE (9 AS id, 'eve@example.com' AS email) FROM shop.people LIMIT 1",
            doing="A test",
        )
        outcome = run_check(check, subject, sink.rows, masked=["email"])
    assert (outcome.verdict.passed, outcome.verdict.failed_rows) == (False, 1)
    assert "eve@" not in str(outcome)


@pytest.mark.parametrize("shop", ["postgres", "mysql"], indirect=True)
def test_bytes_that_are_no_text_are_shown_as_such(shop: Shop) -> None:
    kind, prefix = ("varbinary(9)", "x'ff00'") if shop.database.dialect == "mysql" else ("bytea", "'\\xff00'")
    shop.database.run(f"CREATE TABLE tokens (id bigint PRIMARY KEY, token {kind})")
    shop.database.run(f"INSERT INTO tokens VALUES (1, {prefix}), (2, 'abc'), (3, NULL), (4, '')")
    shop.write(
        "tokens",
        "version: 1\nsync: {mode: full}\ncolumns:\n  - {name: id, type: bigint, primary_key: true}\n"
        f"  - {{name: token, type: {kind}, nullable: true}}\n",
    )
    rows = {row["id"]: row["token"] for row in shop.call_json("preview", "shop/tokens")["rows"]}
    assert rows == {"1": "bytes 0xff00", "2": "abc", "3": None, "4": ""}
