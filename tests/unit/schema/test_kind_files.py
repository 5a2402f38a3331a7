"""Files of kinds that are no tables: found, merged with their folder's defaults, and every problem placed."""

from pathlib import Path

from pydantic import Field

from dagster_pipeline.schema.field_types import FormatVersion, Model
from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.kind_files import KindFiles, read_kind


class Report(Model):
    version: FormatVersion = Field(description="Version of the file format.")
    query: str = Field(description="What it shows.")
    keep: int = Field(default=1, description="How many.")


def reports(root: Path, files: dict[str, str]) -> KindFiles[Report]:
    for name, text in files.items():
        path = root / "reports" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_kind(root, "reports", Report, begin="`version: 1` and `query:`")


def said(found: KindFiles[Report]) -> list[str]:
    return [f"{Path(each.path).name}:{each.line}: {each.what} {each.todo}".strip() for each in found.problems]


def test_no_folder_holds_no_file(tmp_path):
    assert reports(tmp_path, {}) == KindFiles((), ())


def test_files_come_by_name_with_their_folders_defaults(tmp_path):
    found = reports(
        tmp_path,
        {
            "b.yml": "version: 1\nquery: SELECT 2\nkeep: 3\n",
            "a.yml": "version: 1\nquery: SELECT 1\n",
            "_defaults.yml": "keep: 7\n",
        },
    )
    assert found.problems == ()
    assert [(file.name, file.value.query, file.value.keep) for file in found.files] == [
        ("a", "SELECT 1", 7),
        ("b", "SELECT 2", 3),
    ]
    assert found.files[0].line("query") == 2


def test_every_problem_of_every_file_has_its_line_and_a_cure(tmp_path):
    found = reports(
        tmp_path,
        {
            "a.yml": "version: 2\nquery: SELECT 1\n",
            "b.yml": "version: 1\nqery: SELECT 1\n",
            "c.yaml": "version: 1\n",
            "deep/d.yml": "version: 1\n",
            "e.yml": "",
        },
    )
    text = "\n".join(said(found))
    assert "a.yml:1: `version` is '2', which is no version of the file format. Write version: 1." in text
    assert "b.yml:2:" in text
    assert "Did you mean 'query'?" in text
    assert "c.yaml:0: YAML files end in .yml; this one is not read. Rename it to c.yml." in text
    assert "deep:0: This folder is not read" in text
    assert "e.yml" in text
    assert "`version: 1` and `query:`" in text


def test_a_finding_is_placed_in_the_file_or_says_where_its_default_stands(tmp_path):
    found = reports(
        tmp_path, {"_defaults.yml": "# first\nkeep: 7\n", "a.yml": "version: 1\nquery: SELECT 1\n"}
    )
    (file,) = found.files
    in_file, in_defaults = file.problems([Finding("query", "Wrong."), Finding("keep", "Too many.")])
    assert (in_file.line, in_file.what) == (2, "Wrong.")
    assert in_defaults.what.startswith("Too many. (set in ")
    assert in_defaults.what.endswith("_defaults.yml:2)")


def test_what_was_refused_while_reading_is_not_said_twice(tmp_path):
    (file,) = reports(tmp_path, {"a.yml": "version: 1\nquery: SELECT 1\nkeep: many\n"}).files
    assert list(file.problems([Finding("keep", "Too many.")])) == []
