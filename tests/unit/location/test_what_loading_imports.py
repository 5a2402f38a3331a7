"""What the definitions of plain tables import, since every run is a process of its own and pays for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HEAVY = {
    "authlib",
    "boto3",
    "botocore",
    "chdb",
    "clickhouse_connect",
    "connectorx",
    "cryptography",
    "google.cloud",
    "httpx",
    "jmespath",
    "numpy",
    "pandas",
    "prometheus_client",
    "psycopg2",
    "pyarrow",
    "pymysql",
    "slack_sdk",
    "sqlglot",
    "tenacity",
    "urllib3",
}
TABLE = """
version: 1
sync: {cursor: at}
schedule: "*/15 * * * *"
columns:
  - {name: id, type: bigint, primary_key: true}
  - {name: at, type: "%s"}
checks:
  - not_null: [id]
"""


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    for dialect, time in (("mysql", "datetime(6)"), ("postgres", "timestamp without time zone")):
        folder = tmp_path / dialect / "shop"
        folder.mkdir(parents=True)
        (folder / f"{dialect}_orders.yml").write_text(TABLE % time)
    return tmp_path


def imported(schemas: Path, code: str, **variables: str) -> set[str]:
    """Every module that a fresh interpreter has after `code`."""
    environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore", "SCHEMAS_DIR": str(schemas)}
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def late_modules() -> set[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return set(settings["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"])


@pytest.mark.parametrize("alerts", [False, True], ids=["no alerts", "alerts configured"])
def test_loading_plain_tables_imports_nothing_that_only_some_step_needs(
    schemas: Path, *, alerts: bool
) -> None:
    variables = {"SLACK_WEBHOOK_URL": "https://hooks.example.com/x"} if alerts else {}
    modules = imported(schemas, "import dagster_pipeline.definitions", **variables)
    assert "dagster_pipeline.assets.etl" in modules
    assert sorted(modules & HEAVY) == []
    assert sorted(modules & late_modules()) == []


def test_every_late_module_exists() -> None:
    for name in late_modules():
        path = ROOT.joinpath(*name.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), name


def test_what_a_run_of_a_postgresql_table_opens_imports_no_driver_of_another_kind(schemas: Path) -> None:
    code = """
import dagster_pipeline.definitions
import dagster_pipeline.connectors.sink.clickhouse.connector
import dagster_pipeline.connectors.sources.postgres.connector
import dagster_pipeline.state.state_manager
import dagster_pipeline.factories.table_step
"""
    modules = imported(schemas, code)
    needed = {
        "clickhouse_connect",
        "numpy",
        "psycopg2",
        "pyarrow",
        "tenacity",
        "urllib3",
    }  # pyarrow takes NumPy along
    assert modules & HEAVY == needed


def test_a_kind_that_has_a_file_is_imported(schemas: Path) -> None:
    folder = schemas / "snapshots"
    folder.mkdir()
    (folder / "orders_daily.yml").write_text(
        'version: 1\nsource: {table: shop/mysql_orders}\nevery: day\nstart: "2024-01-01"\n'
    )
    modules = imported(schemas, "import dagster_pipeline.definitions")
    assert "dagster_pipeline.assets.snapshots" in modules
    assert "dagster_pipeline.assets.exports" not in modules
