"""The example in docs/alerts.md is right, for the table files of this project."""

from __future__ import annotations

import re
from pathlib import Path

from dagster_pipeline.alerts.alert import AlertKind
from dagster_pipeline.alerts.rules_file import load_rules
from dagster_pipeline.alerts.watched_table import watch_all
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings

DOCS = Path(__file__).parents[3] / "docs/alerts.md"


def test_the_example_of_the_docs_loads_and_uses_every_key_of_the_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    file = tmp_path / "alerts.yml"
    file.write_text(example)
    rules = load_rules(file, watch_all(load_tables(Settings.from_environment({}))))
    assert rules.model_fields_set == set(type(rules).model_fields)


def test_every_kind_of_alert_stands_in_the_docs() -> None:
    text = DOCS.read_text()
    assert [kind for kind in AlertKind if f"`{kind}`" not in text] == []
