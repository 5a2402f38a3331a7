"""What is wrong between files: defaults, two files for one table, names that clash, files in the wrong place."""

from dataclasses import replace

import pytest

from dagster_pipeline.errors import Problem

MINIMAL = "version: 1\ncolumns:\n  - {name: id, type: bigint, primary_key: true}\n"


def test_a_problem_in_a_defaults_file_is_reported_once_and_there(tree):
    tree.write(
        "mysql/_defaults.yml", "# shared\nowners: [nobody]\nretires: {max: 1}\nsync: {mode: incremantal}\n"
    )
    for number in range(3):
        tree.write(f"mysql/shop/t{number}.yml", MINIMAL.replace("columns:", "sync: {cursor: id}\ncolumns:"))
    problems = tree.problems()
    assert all(problem.path.endswith("mysql/_defaults.yml") for problem in problems)
    assert [problem.line for problem in problems] == [2, 3, 4]


def test_defaults_that_are_no_yaml_are_reported_once_and_the_tables_are_still_judged(tree):
    tree.write("_defaults.yml", "owners: [a@example.com\n")
    tree.write("mysql/shop/a.yml", MINIMAL)
    tree.write("mysql/shop/b.yml", MINIMAL + "ownrs: []\n")
    first, second = tree.problems()
    assert (first.path.rpartition("/")[2], first.line) == ("_defaults.yml", 1)
    assert (second.path.rpartition("/")[2], second.line) == ("b.yml", 4)


def test_a_default_that_does_not_fit_one_table_says_where_it_is_set(tree):
    tree.write("mysql/_defaults.yml", "sync:\n  lookback: 10m\n  cursor: id\n")
    tree.write("mysql/shop/orders.yml", MINIMAL)
    (problem,) = tree.problems()
    assert problem.path.endswith("mysql/shop/orders.yml")
    assert "mysql/_defaults.yml:2)" in problem.what


def test_columns_and_the_version_are_each_files_own(tree):
    tree.write("_defaults.yml", "version: 1\ncolumns: [{name: id, type: int}]\n")
    tree.write("mysql/shop/orders.yml", "description: x\ncolumns: [{name: id, type: int}]\n")
    columns, version = tree.problems()
    assert "own file" in columns.todo
    assert "`version` is missing" in version.what


def test_two_files_for_one_destination_are_an_error_that_names_both(tree):
    tree.write("mysql/shop/orders.yml", MINIMAL)
    tree.write("postgres/other/x.yml", MINIMAL + "destination:\n  database: shop\n  table: orders\n")
    (problem,) = tree.problems()
    assert problem.path.endswith("postgres/other/x.yml")
    assert problem.line == 6
    assert "shop.orders" in problem.what
    assert "mysql/shop/orders.yml" in problem.what


@pytest.mark.parametrize(
    ("one", "other"),
    [("a-b/x", "a_b/x"), ("a.b/x", "a-b/x"), ("a/b__c", "a__b/c"), ("a/x.y", "a/x_y")],
)
def test_destinations_that_are_one_op_name_to_dagster_are_an_error(tree, one, other):
    tree.write(f"mysql/{one}.yml", MINIMAL)
    tree.write(f"postgres/{other}.yml", MINIMAL)
    (problem,) = tree.problems()
    assert one in problem.what
    assert other in problem.what
    assert "one name to Dagster" in problem.what


def test_destinations_that_differ_by_case_only_are_two_tables(tree):
    tree.write("mysql/a/x.yml", MINIMAL)
    tree.write("mysql/A/x.yml", MINIMAL)
    assert [table.name for table in tree.load()] == ["A/x", "a/x"]


def test_a_source_may_have_any_name_when_its_destination_has_a_plain_one(tree):
    tree.write(
        "mysql/my shop/order lines.yml", MINIMAL + "destination: {database: shop, table: order_lines}\n"
    )
    (table,) = tree.load()
    assert table.source.asset_key == ("mysql", "my shop", "order lines")
    assert table.name == "shop/order_lines"


def test_a_file_name_that_dagster_refuses_needs_another_destination(tree):
    tree.write("mysql/shop/order lines.yml", MINIMAL)
    (problem,) = tree.problems()
    assert (problem.line, "order_lines" in problem.todo) == (1, True)


@pytest.mark.parametrize(
    ("path", "what", "todo"),
    [
        ("mysql/shop/orders.yaml", "end in .yml", "orders.yml"),
        ("mysql/shop/orders.YML", "end in .yml", "orders.yml"),
        ("mysql/_defaults.yaml", "end in .yml", "_defaults.yml"),
        ("orders.yml", "is not read", "Move it there"),
        ("mysql/orders.yml", "is not read", "Move it there"),
        ("mysql/shop/deep/orders.yml", "too deep", "mysql/shop"),
        ("postgresql/shop/orders.yml", "not read", "'postgres'"),
        ("mariadb/shop/orders.yml", "not read", "'mysql'"),
        ("MySQL/shop/orders.yml", "not read", "'mysql'"),
        ("oracle/shop/orders.yml", "not read", "mysql and postgres"),
        (f"mysql/shop/{'x' * 200}.yml", "at most 128", "source.table"),
    ],
)
def test_a_file_in_the_wrong_place_is_never_passed_over(tree, path, what, todo):
    tree.write(path, MINIMAL)
    (problem,) = tree.problems()
    assert what in problem.what
    assert todo in problem.todo
    assert problem.line == 0


def test_a_missing_root_says_what_to_set(tree):
    tree.root.rmdir()
    (problem,) = tree.problems()
    assert "cannot be read" in problem.what
    assert "SCHEMAS_DIR" in problem.todo


def test_paths_are_relative_to_the_working_directory_when_below_it(tree, monkeypatch):
    tree.write("mysql/shop/orders.yml", "version: 2\n")
    monkeypatch.chdir(tree.root.parent)
    assert {problem.path for problem in tree.problems()} == {"schemas/mysql/shop/orders.yml"}


def test_judges_see_every_table_and_their_problems_join_the_others(tree):
    tree.write("mysql/shop/a.yml", MINIMAL)
    tree.write("mysql/shop/b.yml", MINIMAL + "ownrs: []\n")
    seen = []

    def judge(table):
        seen.append(table.name)
        return [Problem(str(table.path), table.line("columns[0].type"), 0, "refused", "")]

    problems = tree.problems(judge)
    assert seen == ["shop/a", "shop/b"]
    assert [(problem.path.rpartition("/")[2], problem.line) for problem in problems] == [
        ("a.yml", 3),
        ("b.yml", 3),
        ("b.yml", 4),
    ]
    assert not any(problem.path.startswith("//") for problem in problems)


def test_judges_do_not_repeat_what_is_wrong_with_a_column_already(tree):
    tree.write(
        "mysql/shop/a.yml", "version: 1\ncolumns:\n  - {name: id, type: 5}\n  - {name: x, type: int}\n"
    )

    def judge(table):
        return [
            Problem(str(table.path), table.line(f"columns[{index}].type"), 0, "refused") for index in range(2)
        ]

    assert [(problem.line, problem.what == "refused") for problem in tree.problems(judge)] == [
        (3, False),
        (4, True),
    ]


def test_a_judges_path_is_shown_as_all_others_are(tree):
    tree.write("mysql/shop/a.yml", MINIMAL + "ownrs: []\n")
    own, judged = tree.problems(lambda table: [Problem(str(table.path), 9, 0, "refused")])
    assert own.path == judged.path
    assert replace(judged, path="") == Problem("", 9, 0, "refused")
