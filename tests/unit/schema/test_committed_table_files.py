"""Every file under schemas/ is a test case, and what is made from the models is what is committed."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagster_pipeline.schema import json_schema, reference
from dagster_pipeline.schema.file_models import TableFile
from dagster_pipeline.schema.loader import SchemaLoader
from dagster_pipeline.schema.models import Model
from dagster_pipeline.schema.personal_data import personal_data
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

SCHEMAS = Path(__file__).parents[3] / "schemas"
TABLE_FILES = sorted(path for path in SCHEMAS.glob("*/*/*.yml") if path.name != "_defaults.yml")
TEMPLATE = SCHEMAS / "templates" / "table_schema_template.yml"


def test_every_committed_table_loads_and_maps():
    tables = load_tables(Settings.from_environment({"SCHEMAS_DIR": str(SCHEMAS)}))
    assert sorted(table.path for table in tables) == TABLE_FILES
    for table in tables:
        assert TypeMapper().map(table)


@pytest.mark.parametrize("path", TABLE_FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_first_line_of_a_table_file_names_the_json_schema(path):
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve() == SCHEMAS / "table.schema.json"


@pytest.mark.parametrize("path", sorted(SCHEMAS.rglob("_defaults.yml")), ids=lambda path: path.parent.name)
def test_the_first_line_of_a_defaults_file_names_its_json_schema(path):
    first = path.read_text().splitlines()[0]
    if path.parent == SCHEMAS or path.parent.parent.name in ("mysql", "postgres"):
        assert (path.parent / first.partition("=")[2]).resolve() == SCHEMAS / "defaults.schema.json"


def test_every_committed_table_masks_what_looks_personal_or_says_why_not():
    judges = [personal_data(datetime.now(UTC).date())]
    assert load_tables(Settings.from_environment({"SCHEMAS_DIR": str(SCHEMAS)}), judges=judges)


@pytest.mark.parametrize("kind", json_schema.FORMATS)
def test_the_committed_json_schema_is_the_models(kind):
    assert (SCHEMAS / f"{kind}.schema.json").read_text() == json_schema.rendered(kind), (
        "Run: python -m dagster_pipeline.schema.json_schema"
    )


def test_the_committed_reference_of_the_format_is_the_models():
    assert reference.PAGE.read_text() == reference.page(), "Run: make reference"


def test_the_reference_has_every_key_of_the_models():
    words = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"^\| \**`([^`]+)`", reference.page(), re.M))))
    for kind in json_schema.FORMATS:
        schema = json.loads(json_schema.rendered(kind))
        for part in (schema, *schema["$defs"].values()):
            assert set(part.get("properties", ())) <= words


@pytest.mark.parametrize("kind", json_schema.FORMATS)
def test_the_json_schema_describes_every_key_and_allows_no_other(kind):
    schema = json.loads(json_schema.rendered(kind))
    for name, part in {"": schema, **schema["$defs"]}.items():
        if part.get("type") == "object":
            assert part["additionalProperties"] is False, name
            assert all(field.get("description") for field in part["properties"].values()), name
    assert kind == "defaults" or "version" in schema["required"]


def test_the_json_schema_shows_durations_and_schedules_as_files_write_them():
    schema = json.loads(json_schema.rendered("table"))
    assert schema["$defs"]["Retries"]["properties"]["delay"]["default"] == "30s"
    assert {"type": "string"} in schema["properties"]["schedule"]["anyOf"]
    assert "default" not in schema["$defs"]["SyncSettings"]["properties"]["mode"]


@pytest.mark.parametrize("dialect", ["mysql", "postgres"])
def test_the_template_is_a_valid_table_when_copied_into_place(tmp_path, dialect):
    target = tmp_path / dialect / "shop" / "orders.yml"
    target.parent.mkdir(parents=True)
    target.write_bytes(TEMPLATE.read_bytes())
    (table,) = SchemaLoader(tmp_path, judges=(TypeMapper().problems,)).load()
    assert table.name == "shop/orders"


def keys_of(model: type[Model]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_the_template_names_every_key_of_the_format():
    text = TEMPLATE.read_text()
    schema = json.loads(json_schema.rendered("table"))
    wanted = keys_of(TableFile).union(
        *(part["properties"] for part in schema["$defs"].values() if "properties" in part)
    )
    missing = {key for key in wanted if f"{key}:" not in text and key not in {"max"}}
    assert not missing
