"""`python -m dagster_pipeline validate` as people, scripts and GitHub use it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_pipeline.__main__ import main

REPOSITORY = Path(__file__).parents[3]
GOOD = "version: 1\ncolumns:\n  - {name: id, type: bigint, primary_key: true}\n"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, capture_output=True, text=True, cwd=REPOSITORY, env={"PATH": ""}, check=False
    )


def test_success_is_one_line_with_the_count(tree, capsys):
    tree.write("mysql/shop/orders.yml", GOOD)
    assert main(["validate", "--schemas-dir", str(tree.root)]) == 0
    assert capsys.readouterr().out == "1 table file(s) are valid.\n"


def test_every_problem_is_a_line_with_its_place_and_the_exit_code_is_one(tree, capsys, monkeypatch):
    tree.write("mysql/shop/orders.yml", GOOD + "ownrs: []\n")
    tree.write("mysql/shop/other.yml", GOOD.replace("bigint", "bigitn"))
    monkeypatch.chdir(tree.root)
    assert main(["validate", "--schemas-dir", "."]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0] == "mysql/shop/orders.yml:4:1: `ownrs` is not a key of a table file. Did you mean 'owners'?"
    )
    assert lines[1].startswith("mysql/shop/other.yml:3: ")
    assert "bigitn" in lines[1]
    assert lines[2:] == ["2 problem(s) in 2 file(s)."]


def test_json_has_every_fact_of_every_problem(tree, capsys):
    tree.write("mysql/shop/orders.yml", GOOD + "ownrs: []\n")
    assert main(["validate", "--schemas-dir", str(tree.root), "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    (problem,) = report["problems"]
    assert (problem["line"], problem["column"]) == (4, 1)
    assert problem["path"].endswith("mysql/shop/orders.yml")
    assert problem["todo"] == "Did you mean 'owners'?"


def test_the_rules_of_alerts_are_judged_with_the_tables(tree, capsys, monkeypatch, tmp_path):
    tree.write("mysql/shop/orders.yml", GOOD)
    rules = tmp_path / "alerts.yml"
    rules.write_text("version: 1\nroutes:\n  - match: {tables: [shop/ordres]}\n    send_to: [slack]\n")
    monkeypatch.setenv("ALERTS_FILE", str(rules))
    assert main(["validate", "--schemas-dir", str(tree.root)]) == 1
    assert ":3:22: No table is called 'shop/ordres'. Did you mean 'shop/orders'?" in capsys.readouterr().out


def test_json_of_a_good_tree_counts_its_tables(tree, capsys):
    tree.write("mysql/shop/orders.yml", GOOD)
    assert main(["validate", "--schemas-dir", str(tree.root), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"tables": 1, "problems": []}


def test_github_gets_annotations_with_special_characters_escaped(tree, capsys, monkeypatch):
    tree.write("mysql/shop/a,b.yml", GOOD + 'description: {100%: "x"}\n')
    monkeypatch.chdir(tree.root)
    assert main(["validate", "--schemas-dir", ".", "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("::error file=mysql/shop/a%2Cb.yml,line=") for line in lines)
    assert any(
        line.startswith("::error file=mysql/shop/a%2Cb.yml,line=4,col=1::`description` is a map")
        for line in lines
    )


def test_a_missing_folder_is_a_problem_and_no_traceback(tmp_path, capsys):
    assert main(["validate", "--schemas-dir", str(tmp_path / "nowhere")]) == 1
    assert "SCHEMAS_DIR" in capsys.readouterr().out


@pytest.mark.parametrize("front", [("-m", "dagster_pipeline", "validate"), ("scripts/validate_schemas.py",)])
def test_the_committed_files_are_valid_from_a_fresh_interpreter_without_any_secret(front):
    done = run(sys.executable, *front)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "7 table file(s) are valid.\n"


def test_validating_needs_no_dagster():
    code = "import sys; from dagster_pipeline.commands import validate; print('dagster' in sys.modules)"
    assert run(sys.executable, "-c", code).stdout == "False\n"
