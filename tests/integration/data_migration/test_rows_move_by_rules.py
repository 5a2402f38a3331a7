"""Rows move between two real databases: those that the rules let through, once, and every other with its reasons."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagster_pipeline.data_migration.migration import Migration, MigrationConfig, MigrationRejectsError
from dagster_pipeline.data_migration.migration_files import read_migrations
from dagster_pipeline.data_migration.result import MigrationResult
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.data_migration_file import ReferenceRule
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.targets.base_target import Place, Target
from dagster_pipeline.targets.mysql import MySQLTarget
from dagster_pipeline.targets.postgres import PostgresTarget
from tests.contract.sources.both_sources import Server, mariadb, postgres

_numbers = itertools.count(1)
LEADS = "id bigint PRIMARY KEY, source_id int, email varchar(80), at timestamp(3) NOT NULL"
RULES = {
    "required": ["email"],
    "format": [{"column": "email", "pattern": r"[^@\s]+@[^@\s]+", "says": "is no e-mail address"}],
    "reference": [{"column": "source_id", "table": "sources"}],
    "duplicate": [["email"]],
}
STAGED = """(1, 1, 'a@x', '2024-01-01 00:00:00.001'), (2, 1, NULL, '2024-01-02 00:00:00'), (3, 1, ' ', '2024-01-03 00:00:00'),
(4, 1, 'no address', '2024-01-04 00:00:00'), (5, 9, 'b@x', '2024-01-05 00:00:00'), (6, 1, 'a@x', '2024-01-06 00:00:00'),
(7, 1, 'taken@x', '2024-01-07 00:00:00'), (8, 2, 'c@x', '2024-01-08 00:00:00'), (9, 9, 'bad', '2024-01-09 00:00:00')"""
REASONS = {
    2: ["required: email is NULL"],
    3: ["required: email is blank", "format: email is no e-mail address"],
    4: ["format: email is no e-mail address"],
    5: ["reference: source_id is not in sources.id"],
    6: ["duplicate: another row of this run has this email"],
    7: ["duplicate: another row of the target has this email"],
    9: ["format: email is no e-mail address", "reference: source_id is not in sources.id"],
}


class MigrationRig:
    """Tables `leads` in two databases of one server."""

    def __init__(self, staging: Server, production: Server, folder: Path) -> None:
        self.staging = staging
        self.production = production
        self.folder = folder
        self.keys: dict[str, Any] = {"rules": RULES}
        self.report = folder / "report.jsonl"

    def run(self, **config: Any) -> MigrationResult:
        place = {"dialect": self.staging.dialect, "table": "leads", "connection": "c"}
        document = {
            "version": 1,
            "source": place,
            "target": {**place},
            "key": ["id"],
            "batch_rows": 4,
            **self.keys,
        }
        path = self.folder / "schemas" / "data_migration" / "leads.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document))
        (named,), problems = read_migrations(self.folder / "schemas")
        assert problems == ()
        state = StateManager(DatabaseUrl.parse(f"sqlite:///{self.folder}/s.sqlite", variable="S", schemes=()))

        def open_reference(rule: ReferenceRule) -> Target:
            return self._open(self.production, rule.table)

        with self._open(self.staging, "leads") as source, self._open(self.production, "leads") as target:
            return Migration(
                named.name, named.file, source=source, target=target, state=state, run_id="test",
                open_reference=open_reference, config=MigrationConfig(**config), report_path=self.report,
            ).run()  # fmt: skip

    def _open(self, server: Server, table: str) -> Target:
        url = DatabaseUrl.parse(server.url, variable="URL", schemes=())
        kind = MySQLTarget if server.dialect == "mysql" else PostgresTarget
        return kind(url, Place(url.database, table), comment="test")

    def ids(self) -> list[int]:
        connection = self.production.connect()
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM leads ORDER BY id")
            found = [int(number) for (number,) in cursor.fetchall()]
        connection.close()
        return found


@pytest.fixture(params=["postgres", "mysql"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> MigrationRig:
    number = next(_numbers)
    make: Callable[[str], Server]
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        make = postgres
    else:
        server = request.getfixturevalue("mariadb_server")
        make = mariadb
    staging, production = (
        make(server.create_database(f"{name}_{number}")) for name in ("staging", "production")
    )
    leads = LEADS if request.param == "postgres" else LEADS.replace("timestamp", "datetime")
    staging.run(
        f"CREATE TABLE leads ({leads}, extra int)",
        f"INSERT INTO leads (id, source_id, email, at) VALUES {STAGED}",
    )
    production.run(
        f"CREATE TABLE leads ({leads})",
        "CREATE TABLE sources (id int PRIMARY KEY)",
        "INSERT INTO sources VALUES (1), (2)",
        "INSERT INTO leads VALUES (70, 1, 'taken@x', '2023-01-01 00:00:00')",
    )
    return MigrationRig(staging, production, tmp_path)


def test_rows_that_the_rules_let_through_move_and_every_other_has_its_reasons(rig: MigrationRig):
    result = rig.run()
    assert rig.ids() == [1, 8, 70]
    assert (result.looked_at, result.counts.inserted, result.counts.rejected) == (9, 2, 7)
    assert {int(row.key[0]): list(row.reasons) for row in result.rejected} == REASONS
    assert result.left_behind == ("extra",)
    lines = [json.loads(line) for line in rig.report.read_text().splitlines()]
    assert [(line["key"], line["outcome"]) for line in lines] == [
        ([str(number)], "rejected" if number in REASONS else "accepted") for number in range(1, 10)
    ]
    assert "a@x" not in rig.report.read_text()


def test_a_repeated_run_changes_nothing(rig: MigrationRig):
    rig.run()
    again = rig.run()
    assert (again.counts.inserted, again.counts.kept, again.counts.rejected) == (0, 2, 7)
    assert rig.ids() == [1, 8, 70]


def test_a_dry_run_says_the_same_and_writes_nothing(rig: MigrationRig):
    dry = rig.run(dry_run=True)
    assert rig.ids() == [70]
    real = rig.run()
    assert (dry.counts.inserted, dry.reasons) == (real.counts.inserted, real.reasons)


@pytest.mark.parametrize(("limit", "expected"), [(1, [1, 70]), (7, [1, 70]), (8, [1, 8, 70])])
def test_a_limit_looks_at_the_first_rows_only(rig: MigrationRig, limit: int, expected: list[int]):
    assert rig.run(limit=limit).looked_at == limit
    assert rig.ids() == expected


def test_without_validation_the_databases_own_constraints_still_hold(rig: MigrationRig):
    rig.production.run(
        "ALTER TABLE leads ADD CONSTRAINT known FOREIGN KEY (source_id) REFERENCES sources (id)"
    )
    result = rig.run(skip_validation=True)
    assert rig.ids() == [1, 2, 3, 4, 6, 7, 8, 70]
    assert [(row.key, "foreign key constraint" in row.reasons[0]) for row in result.rejected] == [
        (("5",), True),
        (("9",), True),
    ]


def test_existing_rows_are_updated_when_the_file_says_so(rig: MigrationRig):
    rig.keys |= {"on_existing": "update"}
    rig.production.run("INSERT INTO leads VALUES (8, 1, 'old@x', '2023-01-01 00:00:00')")
    result = rig.run()
    assert (result.counts.updated, result.counts.inserted) == (1, 1)


def test_too_many_rejects_stop_the_run(rig: MigrationRig):
    rig.keys |= {"max_rejects": 3}
    with pytest.raises(MigrationRejectsError, match="6 rows are rejected, and max_rejects allows 3"):
        rig.run()
    assert rig.ids() == [1, 70]


def test_a_narrower_column_a_missing_one_and_a_missing_index_are_named_at_once(rig: MigrationRig):
    rig.keys = {
        "columns": [
            {"name": "id"},
            {"name": "email"},
            {"name": "at"},
            {"name": "source", "from": "source_id"},
        ]
    }
    rig.production.run("DROP TABLE leads", "CREATE TABLE leads (id int, email varchar(80), at date)")
    with pytest.raises(ConfigurationError) as caught:
        rig.run()
    said = str(caught.value)
    assert "no unique index on exactly (id)" in said
    assert "id: bigint" in said
    assert "at: " in said
    assert "has no column 'source'" in said
