"""The `reconcile` command against real servers, as a shell would call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.connections import open_source, open_state, open_warehouse
from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.sync.engine import TableSync

FILE = """
version: 1
sync: {mode: full}
columns:
  - {name: email, type: text, primary_key: true}
  - {name: amount, type: integer}
"""

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    postgres_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    url = postgres_server.create_database("people")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE members (email text PRIMARY KEY, amount integer NOT NULL)")
        cursor.execute(
            "INSERT INTO members SELECT 'person' || i || '@example.com', i FROM generate_series(1, 300) i"
        )
    file = tmp_path / "schemas/postgres/people/members.yml"
    file.parent.mkdir(parents=True)
    file.write_text(FILE)
    monkeypatch.setenv("SCHEMAS_DIR", str(tmp_path / "schemas"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("CLICKHOUSE_URL", f"chdb://{tmp_path}/warehouse")
    monkeypatch.setenv("POSTGRES_PEOPLE_URL", url)
    monkeypatch.delenv("STATE_URL", raising=False)
    settings = Settings.from_environment()
    (schema,) = load_tables(settings)
    state = open_state(settings)
    with open_source(settings, schema) as source, open_warehouse(settings, run_id="load") as sink:
        TableSync(schema, source=source, sink=sink, state=state, run_id="load").run()
    state.close()

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["reconcile", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def disturb() -> None:
    sink: ClickHouseSink = open_warehouse(Settings.from_environment(), run_id="test")
    with sink:
        sink.run(
            "ALTER TABLE people.members UPDATE amount = 0 WHERE amount = 17",
            doing="Disturbing",
            settings={"mutations_sync": 1},
        )


def test_the_command_finds_repairs_and_says_so_by_its_exit_code(call: Call) -> None:
    code, out, _ = call("people/members")
    assert (code, "300 rows equal their source" in out) == (0, True)
    disturb()
    code, out, _ = call("people/members")
    assert code == 1
    assert "1 different of 300 rows" in out
    assert "email 'pe…' (20 characters)" in out  # a person's address is not shown
    assert "person17" not in out
    code, out, _ = call("people/members", "--repair", "--json")
    (report,) = json.loads(out)
    assert (code, report["found"], report["repaired"], report["mended"]) == (0, {"different": 1}, 1, True)
    assert call("all")[0] == 0


def test_the_command_names_what_it_does_not_know(call: Call) -> None:
    code, _, err = call("people/member")
    assert (code, "Did you mean 'people/members'?" in err) == (1, True)
