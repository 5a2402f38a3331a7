"""What looks personal has a mask or a waiver before it is merged; and no date stops a load."""

from __future__ import annotations

from datetime import date

import pytest

from dagster_pipeline.errors import Problem, SchemaFilesError
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.personal_data import personal_data

FILE = "version: 1\ncolumns:\n  - {name: id, type: bigint, primary_key: true}\n  - {COLUMN}\n"
WAIVER = 'waiver: {owner: "team:legal", until: "2026-05-31", reason: Support calls people.}'


def problems(tree, column: str, today: str = "2026-05-01") -> list[Problem]:
    tree.write("mysql/shop/people.yml", FILE.replace("COLUMN", column))
    try:
        SchemaLoader(tree.root, judges=[personal_data(date.fromisoformat(today))]).load()
    except SchemaFilesError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    "column",
    [
        "name: email, type: varchar(99), mask: hmac_sha256",
        "name: email, type: varchar(99), mask: drop",
        "name: email, type: varchar(99), tags: [pii.none]",
        f"name: email, type: varchar(99), {WAIVER}",
        "name: colour, type: varchar(99)",
        "name: phone, type: int",
        "name: colour, type: varchar(99), tags: [product.look]",
        "name: note, type: text, tags: [pii.health], mask: redact",
    ],
)
def test_a_column_that_is_masked_waived_or_not_personal_is_well(tree, column):
    assert problems(tree, column) == []


@pytest.mark.parametrize(
    ("column", "what", "todo"),
    [
        ("name: email, type: varchar(99)", "its name looks personal", "mask: hmac_sha256; or a waiver"),
        ("name: userPassword, type: varchar(99)", "its name looks personal", "mask: drop; or a waiver"),
        (
            "name: note, type: text, tags: [pii.health]",
            "it is tagged pii.health and has no mask",
            "or a waiver",
        ),
        ("name: email, type: text, tags: [pii.none, pii.email]", "it is tagged pii.none, pii.email", "mask"),
    ],
)
def test_a_clear_personal_column_is_a_problem_with_its_line_and_cure(tree, column, what, todo):
    (problem,) = problems(tree, column)
    assert problem.path.endswith("mysql/shop/people.yml")
    assert problem.line == 4
    assert what in problem.what
    assert todo in problem.todo


def test_a_waiver_holds_to_its_last_day_and_names_its_owner_after_it(tree):
    column = f"name: email, type: varchar(99), {WAIVER}"
    assert problems(tree, column, "2026-05-31") == []
    (problem,) = problems(tree, column, "2026-06-01")
    assert "its waiver ended on 2026-05-31" in problem.what
    assert "have team:legal give it a later day" in problem.todo


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("name: email, type: text, waiver: {until: '2026-05-31', reason: x}", "owner"),
        ("name: email, type: text, waiver: {owner: 'team:a', until: soon, reason: x}", "which is no date"),
        ("name: email, type: text, waiver: {owner: 'team:a', until: '2026-05-31', reason: ''}", "is empty"),
        (f"name: email, type: text, mask: drop, {WAIVER}", "its waiver waives nothing"),
        ("name: email, type: text, mask: sha256, mask_key: v2", "names a key, and sha256 needs none"),
        ("name: email, type: text, mask: hmac_sha256, mask_key: V-2", "mask_key"),
        ("name: email, type: text, mask: drop, tags: [PII]", "which is no tag"),
    ],
)
def test_a_waiver_that_says_too_little_or_too_much_is_a_problem(tree, column, says):
    (problem,) = problems(tree, column)
    assert problem.line == 4
    assert says in str(problem)


def test_a_load_of_the_location_is_not_stopped_by_a_date(tree):
    tree.write("mysql/shop/people.yml", FILE.replace("COLUMN", f"name: email, type: text, {WAIVER}"))
    assert len(tree.load()) == 1


def test_a_table_with_masks_checks_by_itself_that_nothing_clear_landed(tree):
    column = "name: email, type: text, mask: redact"
    tree.write("mysql/shop/people.yml", FILE.replace("COLUMN", column))
    tree.write("mysql/shop/gone.yml", FILE.replace("COLUMN", "name: email, type: text, mask: drop"))
    gone, people = tree.load()
    assert [(check.name, check.columns, check.only_new) for check in people.checks] == [
        ("no_clear_values", ("email",), False)
    ]
    assert gone.checks == ()
