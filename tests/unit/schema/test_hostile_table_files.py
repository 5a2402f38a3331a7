"""Whatever stands in the tree, loading ends in tables or in a list of problems, soon, and never in another error."""

import contextlib
import os
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_pipeline.errors import SchemaFilesError
from dagster_pipeline.schema import document
from dagster_pipeline.schema.document import read_document
from dagster_pipeline.schema.file_models import TableFile
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

MINIMAL = "version: 1\ncolumns:\n  - {name: id, type: bigint, primary_key: true}\n"
REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"# only a note\n", "empty"),
        (b"---\n", "empty"),
        (b"   \n\n", "empty"),
        (b"version: 1\ndescription: \xff\n", "not UTF-8"),
        pytest.param("version: 1".encode("utf-16"), "not UTF-8", id="utf-16"),
        pytest.param(b"version: 1\n\x00\n", "control character", id="zero byte"),
        pytest.param(b"version: 1\ndescription: a\x07b\n", "control character", id="bell"),
        (b"%YAML 3.0\n---\nversion: 1\n", "not valid YAML"),
        (b"[" * 100_000, "must be a map"),
        (b"a: " + b"[" * 100_000, "levels deep"),
        (b"a: " + b"{a: " * 100_000, "levels deep"),
        (b"&a [*a]", "must be a map"),
        (b"x: &a [*a, *a]", "Aliases"),
        (b"{a: 1}: b\n", "A key must be a word"),
        (b"? [a]\n: b\n", "A key must be a word"),
        (b"*x : b\n", "A key must be a word"),
    ],
)
def test_odd_content_is_one_clear_problem(tree, content, what):
    tree.write("mysql/shop/orders.yml", content)
    problem = next(problem for problem in tree.problems() if what in problem.what)
    assert problem.path.endswith("orders.yml")
    assert problem.todo


def test_the_line_of_a_control_character_or_a_wrong_byte_is_named(tree):
    tree.write("mysql/shop/a.yml", b"version: 1\n# \xc3\xa4\ndescription: \x07\n")
    tree.write("mysql/shop/b.yml", b"version: 1\n\ndescription: \xff\n")
    assert [problem.line for problem in tree.problems()] == [3, 3]


def test_a_bomb_of_aliases_is_refused_at_once(tree):
    lines = ["version: 1", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    tree.write("mysql/shop/orders.yml", "\n".join(lines))
    began = time.process_time()
    assert any("Aliases" in problem.what for problem in tree.problems())
    assert time.process_time() - began < 10  # it would be hours


def test_a_file_over_a_megabyte_is_refused_by_its_size(tree):
    tree.write("mysql/shop/orders.yml", MINIMAL + "# " + "x" * 1_000_000)
    (problem,) = tree.problems()
    assert "at most 1,000,000" in problem.what


def test_a_very_wide_file_just_below_the_limit_is_read_in_a_moment(tree):
    """Ten times the columns of another file take about ten times as long; a hundred times would be quadratic."""
    seconds = []
    for count in (2_000, 20_000):
        columns = "".join(f"  - {{name: c{number}, type: int, nullable: true}}\n" for number in range(count))
        tree.write("mysql/shop/orders.yml", MINIMAL + columns)
        began = time.process_time()
        assert len(tree.load()[0].columns) == count + 1
        seconds.append(time.process_time() - began)
    assert seconds[1] < 30 * seconds[0]


def test_a_link_to_itself_a_dangling_link_a_folder_and_a_pipe_are_problems(tree):
    folder = tree.write("mysql/shop/good.yml", MINIMAL).parent
    (folder / "loop.yml").symlink_to("loop.yml")
    (folder / "dangling.yml").symlink_to("nowhere.yml")
    (folder / "folder.yml").mkdir()
    os.mkfifo(folder / "pipe.yml")
    named = {problem.path.rpartition("/")[2]: problem.what for problem in tree.problems()}
    assert "cannot be read" in named["loop.yml"]
    assert "cannot be read" in named["dangling.yml"]
    assert "folder" in named["folder.yml"]
    assert "not a regular file" in named["pipe.yml"]


def test_a_folder_that_links_to_a_folder_above_it_does_not_loop(tree):
    tree.write("mysql/shop/orders.yml", MINIMAL)
    (tree.root / "mysql" / "again").symlink_to(tree.root)
    (tree.root / "mysql" / "shop" / "again").symlink_to(tree.root / "mysql")
    assert all("too deep" in problem.what for problem in tree.problems())


def test_a_linked_file_is_read_like_any_other(tree):
    target = tree.write("shared.txt", MINIMAL)
    (tree.root / "mysql" / "shop").mkdir(parents=True)
    (tree.root / "mysql" / "shop" / "orders.yml").symlink_to(target)
    assert [table.name for table in tree.load()] == ["shop/orders"]


def test_a_file_that_may_not_be_read_is_a_problem(tree, monkeypatch):
    path = tree.write("mysql/shop/orders.yml", MINIMAL)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "Permission denied" in tree.problems()[0].what


def test_a_name_that_is_no_unicode_is_a_problem_that_can_be_printed(tree):
    tree.write(os.fsdecode(b"mysql/shop/or\xffders.yml"), MINIMAL)
    (problem,) = tree.problems()
    str(problem).encode()


words = st.sampled_from(
    [
        *(
            "version",
            "columns",
            "sync",
            "mode",
            "cursor",
            "id",
            "checks",
            "schedule",
            "null",
            "true",
            "1",
            "-1",
            "0x1",
        ),
        *(
            "[",
            "]",
            "{",
            "}",
            ":",
            ": ",
            "- ",
            "\n",
            "\n  ",
            "\t",
            "'",
            '"',
            "&a ",
            "*a",
            "!!str ",
            "|",
            ">",
            "#",
            "%",
        ),
        *(
            "---\n",
            "...\n",
            "2024-01-01",
            "~",
            "on",
            "NO",
            "\u2028",
            "\ufeff",
            "\x00",
            "\x85",
            "ä",
            "*/5 * * * *",
        ),
        *("<<", "? ", ",", "1e9", "[]", "{}"),
    ]
)


class PlainLoader(yaml.CSafeLoader):
    """PyYAML as it is, but dates stay text, and so do `<<` and `=` as values, which it has no value for."""


NOT_TEXT = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null")}
PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in NOT_TEXT]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@settings(max_examples=500, deadline=None)
@given(
    st.lists(words, max_size=30).map("".join)
    | st.text(max_size=60)
    | st.dictionaries(words, words).map(yaml.safe_dump)
)
def test_what_the_reader_takes_without_a_problem_is_what_yaml_means(text):
    read = read_document(text, "x.yml")
    if not read.problems:
        assert read.tree == yaml.load(text, PlainLoader)


def test_a_byte_order_mark_within_the_text_is_named_with_its_place():
    (problem,) = read_document("version: 1\n\ufeffcolumns: []\n", "x.yml").problems
    assert (problem.line, problem.column) == (2, 1)
    assert "U+FEFF" in problem.what


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(sorted(TableFile.model_fields))


def rendered(value: object) -> str:
    """A value in flow style; text in double quotes, every odd character escaped."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{rendered(key)}: {rendered(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(rendered, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(c if c.isalnum() or c == " " else f"\\U{ord(c):08x}" for c in value) + '"'
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, value=VALUES)
def test_no_value_of_any_key_makes_the_loader_fail(tmp_path, key, value):
    lines = {"version": "1", "columns": "[{name: id, type: bigint, primary_key: true}]", key: rendered(value)}
    file = tmp_path / "schemas" / "mysql" / "shop" / "orders.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(f"{name}: {text}" for name, text in lines.items()))
    load(file)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_real_file_makes_the_loader_fail(tmp_path, data):
    source = data.draw(st.sampled_from(sorted((REPOSITORY / "schemas").glob("*/*/[!_]*.yml"))))
    text = source.read_text()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(words) + text[at + cut :]
    file = tmp_path / "schemas" / source.parts[-3] / "shop" / "orders.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    load(file)
    file.unlink()


def load(file: Path) -> None:
    """Load the tree of one file; problems are fine, any other error is not."""
    with contextlib.suppress(SchemaFilesError):
        SchemaLoader(file.parents[2], judges=(TypeMapper().problems,)).load()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(words, max_size=30).map("".join))
def test_without_libyaml_the_same_texts_are_taken_and_mean_the_same(monkeypatch, text):
    with_libyaml = read_document(text, "x.yml")
    with monkeypatch.context() as patched:
        patched.setattr(document, "_Loader", yaml.SafeLoader)
        without = read_document(text, "x.yml")
    if not with_libyaml.problems and not without.problems:
        assert (without.tree, without.places) == (with_libyaml.tree, with_libyaml.places)
