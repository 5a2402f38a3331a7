"""The code location loads in a fresh interpreter, without a database or a secret, and fast."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TABLES = 500
CPU_SECONDS = 3.0

_LOAD = """
import json, time
import dagster
from tests.processor import slowness
before = slowness()
begun = time.process_time()
from dagster_pipeline.definitions import defs
spent = time.process_time() - begun
slowness_here = max(before, slowness())
dagster.Definitions.validate_loadable(defs)
graph = defs.resolve_asset_graph()
print(json.dumps({
    "spent": spent,
    "slowness": slowness_here,
    "assets": sorted(key.to_user_string() for key in graph.materializable_asset_keys),
    "sources": sorted(key.to_user_string() for key in graph.external_asset_keys),
}))
"""


def load(**variables: str) -> dict[str, object]:
    environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore", **variables}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD], check=False, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, object] = json.loads(done.stdout)
    return facts


def tables_of(facts: dict[str, object]) -> list[str]:
    assets = facts["assets"]
    assert isinstance(assets, list)
    return [asset for asset in assets if not asset.startswith("maintenance/")]


def test_every_table_file_is_an_asset_with_its_source_before_it_and_no_secret_is_needed() -> None:
    facts = load()
    assert facts["assets"] == [
        "amtdb/accounts",
        "amtdb/customers",
        "data_quality/references",
        "exports/accounts_to_bigquery",
        "exports/accounts_to_lake",
        "exports/accounts_to_reporting",
        "exports/leads_to_reporting",
        "fma/premise_details",
        "fma/premises",
        "lake/web_events",
        "maintenance/clean_up",
        "maintenance/optimize",
        "maintenance/storage_advice",
        "maintenance/table_health",
        "marketing/campaigns",
        "migrate_staging_leads_to_production",
        "reverse_etl/customer_balances_to_crm",
        "sales_service/leads",
        "sales_service/leadsources",
        "sentinel/devices",
        "shop/shop_orders",
        "snapshots/account_status",
    ]
    assert facts["sources"] == [
        "api/shop/shop_orders",
        "clickhouse/marketing/marketing/campaigns",
        "mysql/amtdb/accounts",
        "mysql/amtdb/customers",
        "mysql/sales_service/leads",
        "mysql/sales_service/leadsources",
        "mysql/sales_staging/leads",
        "postgres/fma/public/premise_details",
        "postgres/fma/public/premises",
        "postgres/sentinel/public/devices",
        "s3/lake/web_events",
    ]


def test_500_table_files_load_within_three_cpu_seconds_of_dagster(tmp_path: Path) -> None:
    text = (ROOT / "schemas/mysql/amtdb/accounts.yml").read_text()
    for number in range(TABLES):
        folder = tmp_path / "mysql" / f"db{number % 20}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"t{number}.yml").write_text(f'{text}schedule: "*/{5 + number % 10} * * * *"\n')
    facts = load(SCHEMAS_DIR=str(tmp_path))
    assert len(tables_of(facts)) == TABLES
    assert isinstance(facts["spent"], float)
    assert isinstance(facts["slowness"], float)
    assert facts["spent"] < CPU_SECONDS * facts["slowness"]


def test_a_disabled_table_has_no_asset(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "schemas/mysql/amtdb", tmp_path / "mysql/amtdb")
    file = tmp_path / "mysql/amtdb/customers.yml"
    file.write_text(file.read_text() + "enabled: false\n")
    assert tables_of(load(SCHEMAS_DIR=str(tmp_path))) == ["amtdb/accounts"]


def test_a_broken_file_stops_the_load_with_its_path_and_line(tmp_path: Path) -> None:
    folder = tmp_path / "mysql/amtdb"
    shutil.copytree(ROOT / "schemas/mysql/amtdb", folder)
    (folder / "customers.yml").write_text("version: 1\ncolumnz: []\n")
    environment = {"PATH": os.environ["PATH"], "SCHEMAS_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD], check=False, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "customers.yml:2:1: `columnz` is not a key of a table file. Did you mean 'columns'?" in done.stderr
