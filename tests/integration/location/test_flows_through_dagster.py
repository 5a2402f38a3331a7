"""Reverse ETL and data migration through Dagster and the documented commands, in the example files' own words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.definitions import build_definitions
from dagster_pipeline.settings import Settings
from tests.contract.sources.both_sources import mariadb

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
KEY = dg.AssetKey(["reverse_etl", "customer_balances_to_crm"])
MIGRATION = "migrate_staging_leads_to_production"
LEAD = "(id, lead_source_id, email, consent, received_at) VALUES"


@pytest.fixture
def crm(postgres_server: Any, tmp_path: Path, warehouse_dir: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The target of the example flow, and a warehouse with what it reads."""
    url: str = postgres_server.create_database("crm")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE customer_balances (customer_id bigint PRIMARY KEY, accounts bigint NOT NULL, "
            "balance numeric(30, 4) NOT NULL CHECK (balance < 1000))"
        )
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLICKHOUSE_URL", f"chdb://{warehouse_dir}")
    monkeypatch.setenv("POSTGRES_CRM_URL", url)
    monkeypatch.delenv("STATE_URL", raising=False)
    monkeypatch.delenv("SCHEMAS_DIR", raising=False)
    with ClickHouseSink(Settings.from_environment().clickhouse_url()) as sink:
        sink.command("CREATE DATABASE amtdb", doing="x")
        sink.command(
            "CREATE TABLE amtdb.accounts (id UInt64, customer_id UInt32, status String, balance Decimal(20, 4), _version UInt64)"
            " ENGINE = ReplacingMergeTree(_version) ORDER BY id",
            doing="x",
        )
        sink.command(
            "INSERT INTO amtdb.accounts VALUES (1, 7, 'active', 10.5, 1), (2, 7, 'active', 1, 1), (3, 8, 'active', 5000, 1),"
            " (4, 9, 'closed', 3, 1)",
            doing="x",
        )
    return url


def _balances(url: str) -> list[tuple[Any, ...]]:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM customer_balances")
        return cursor.fetchall()


def test_the_example_flow_writes_rejects_and_is_taken_back(crm: str, capsys: pytest.CaptureFixture[str]):
    with dg.instance_for_test() as instance:
        job = build_definitions(Settings.from_environment()).resolve_implicit_global_asset_job_def()
        run: Callable[..., dg.ExecuteInProcessResult] = lambda **config: job.execute_in_process(  # noqa: E731
            instance=instance,
            asset_selection=[KEY],
            run_config={"ops": {KEY.to_python_identifier(): {"config": config}}},
        )
        dry = run(dry_run=True)
        assert not dry.get_asset_materialization_events()
        assert _balances(crm) == []
        done = run()
    assert _balances(crm) == [(7, 2, Decimal("11.5000"))]
    (event,) = done.get_asset_materialization_events()
    metadata = {name: value.value for name, value in event.materialization.metadata.items()}
    assert (metadata["inserted rows"], metadata["rejected rows"]) == (1, 1)
    assert "violates check constraint" in str(metadata["reasons of rejects"])
    (check,) = done.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("reconciliation", False)
    assert main(["reverse-etl", "runs", KEY.path[1]]) == 0
    assert done.run_id in capsys.readouterr().out
    assert main(["reverse-etl", "undo", KEY.path[1], done.run_id]) == 0
    assert _balances(crm) == []
    assert main(["reverse-etl", "run", KEY.path[1]]) == 1  # the rejected row is still one
    assert _balances(crm) == [(7, 2, Decimal("11.5000"))]
    assert main(["reverse-etl", "undo", KEY.path[1], "nobody"]) == 1
    assert "no image of a run 'nobody' is kept" in capsys.readouterr().err


def test_the_documented_migration_command_moves_leads(mariadb_server: Any, tmp_path: Path):
    staging, production = (
        mariadb(mariadb_server.create_database(name)) for name in ("sales_staging", "sales_service")
    )
    tables = [
        text
        for text in (ROOT / "scripts/demo/sql/sales_service.tables.sql").read_text().split(";\n")
        if text.strip()
    ]
    staging.run(
        *tables,
        f"INSERT INTO leads {LEAD} (1, 1, 'a@example.com', 1, '2024-01-01'), (2, 2, 'b@example.com', 1, '2024-01-01'),"
        " (3, 1, 'no address', 0, '2024-01-01'), (4, 1, 'c@example.com', 1, '2024-01-01')",
    )
    production.run(
        *tables,
        "INSERT INTO leadsources (id, code, name, channel, is_active, created_at) VALUES (1, 'w', 'Web', 'web', 1, NOW())",
    )
    home = tmp_path / "home"
    home.mkdir()
    config = {"ops": {MIGRATION: {"config": {"limit": 3, "skip_validation": False}}}}
    documented = [
        "dagster",
        "asset",
        "materialize",
        "-m",
        "dagster_pipeline.definitions",
        "--select",
        MIGRATION,
    ]
    assert f"{' '.join(documented)} \\\n  --config-json" in (ROOT / "docs/data-migration.md").read_text()
    done = subprocess.run(
        [str(BIN / documented[0]), *documented[1:], "--config-json", json.dumps(config)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DAGSTER_HOME": str(home), "MYSQL_URL": mariadb_server.url},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    connection = production.connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM leads")
        assert cursor.fetchall() == ((1,),)
    connection.close()
    (report,) = (home / "reports/data_migration" / MIGRATION).glob("*.jsonl")
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(line["key"], line["outcome"]) for line in lines] == [
        (["1"], "accepted"),
        (["2"], "rejected"),
        (["3"], "rejected"),
    ]
    assert lines[1]["reasons"] == ["reference: lead_source_id is not in leadsources.id"]
