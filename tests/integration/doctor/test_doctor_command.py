"""`doctor` as a shell would call it: real servers, servers that say nothing, and what is wrong at Dagster's side."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.connections import open_state
from dagster_pipeline.settings import Settings
from scripts.servers.server import Server

FILE = """
version: 1
freshness: 30m
sync: {mode: full}
columns: [{name: id, type: integer, primary_key: true}]
"""
PASSWORD = "falcon-77-Biscuit"

Doctor = Callable[..., tuple[int, dict[tuple[str, str], dict[str, Any]]]]


@pytest.fixture
def doctor(
    postgres_server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Doctor:
    """Run it over one table; returns the exit code and the findings by subject and check."""
    url = postgres_server.create_database("examined")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE members (id integer PRIMARY KEY)")
    file = tmp_path / "schemas/postgres/examined/members.yml"
    file.parent.mkdir(parents=True)
    file.write_text(FILE)
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (tmp_path / "warehouse").mkdir()
    for name in ("STATE_URL", "MYSQL_URL", "POSTGRES_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("CLICKHOUSE_URL", f"chdb://{tmp_path}/warehouse")
    monkeypatch.setenv("POSTGRES_EXAMINED_URL", url)

    def run(*words: str) -> tuple[int, dict[tuple[str, str], dict[str, Any]]]:
        code = main(["doctor", "--json", *words])
        said = capsys.readouterr()
        assert PASSWORD not in said.out + said.err
        return code, {(one["subject"], one["check"]): one for one in json.loads(said.out)["findings"]}

    return run


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield int(server.getsockname()[1])


def test_everything_is_examined_and_a_late_table_fails(doctor: Doctor, tmp_path: Path) -> None:
    code, found = doctor("--timeout", "60")
    assert found["postgres/examined", "connection"]["facts"]["product"] == "PostgreSQL"
    assert found["warehouse", "connection"]["level"] == "ok"
    assert found["state", "schema"]["level"] == "ok"
    assert found["dagster", "storage"]["what"].startswith("SqliteRunStorage answers")
    assert found["dagster", "daemon"]["level"] == "warn"
    assert found["examined/members", "freshness"]["what"] == "It was never loaded."
    assert code == (1 if any(one["level"] == "fail" for one in found.values()) else 0)

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(["examined", "members"]))
    store = open_state(Settings.from_environment())
    store.tables()
    store.close()
    _, found = doctor("--timeout", "60")
    assert found["tables", "freshness"]["level"] == "ok"
    assert found["state", "schema"]["what"] == "The store has the schema of this version."


def test_silent_servers_are_named_within_the_time(
    doctor: Doctor, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"u:{PASSWORD}@127.0.0.1:{silent_port}"
    monkeypatch.setenv("POSTGRES_EXAMINED_URL", f"postgresql://{here}/examined")
    monkeypatch.setenv("CLICKHOUSE_URL", f"http://{here}/")
    monkeypatch.setenv("STATE_URL", f"postgresql://{here}/state")
    began = datetime.now(UTC)
    code, found = doctor("--timeout", "3")
    took = datetime.now(UTC) - began
    assert code == 1
    for subject in ("postgres/examined", "warehouse", "state"):
        assert found[subject, "connection"]["level"] == "fail"
    assert took < timedelta(seconds=60)  # 3, and the start of a process on a busy machine


def test_refusals_are_findings_and_the_rest_is_examined(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: Server
) -> None:
    host = postgres_server.url.rpartition("@")[2]
    monkeypatch.setenv("POSTGRES_EXAMINED_URL", f"postgresql://postgres:{PASSWORD}@{host}")
    monkeypatch.setenv("CLICKHOUSE_URL", "http://u@127.0.0.1:1/")
    (tmp_path / "dagster.yaml").write_text(
        "storage: {postgres: {postgres_db: {hostname: h, username: u, password: {env: NOT_SET_AT_ALL}, db_name: d}}}\n"
    )
    code, found = doctor("--timeout", "60")
    assert code == 1
    assert "password authentication failed" in found["postgres/examined", "connection"]["what"]
    assert (
        found["postgres/examined", "connection"]["todo"]
        == "Correct user and password in POSTGRES_EXAMINED_URL."
    )
    assert "does not answer" in found["warehouse", "connection"]["what"]
    assert "NOT_SET_AT_ALL" in found["dagster", "storage"]["what"]
    assert found["state", "connection"]["level"] == "ok"


def test_broken_files_do_not_stop_the_examination(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "schemas/postgres/examined/members.yml").write_text("version: 1\ncolums: []\n")
    code, found = doctor("--timeout", "60", "--problems")
    assert code == 1
    assert "members.yml:" in found["schemas", "files"]["what"]
    assert ("dagster", "daemon") in found
    assert all(one["level"] != "ok" for one in found.values())
