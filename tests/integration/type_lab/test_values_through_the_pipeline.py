"""Every value of the catalogue through the whole pipeline, in every mode, embedded and over HTTP, judged by the servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.servers.clickhouse_http import running_front
from tests.type_lab.databases import Database, MariaDbDatabase, PostgresDatabase
from tests.type_lab.laboratory import Laboratory, Outcome


@pytest.fixture(scope="module", params=["embedded", "http"])
def warehouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("warehouse")
    if request.param == "embedded":
        yield f"chdb://{path}"
        return
    with running_front(path, user="lab", password="lab") as front:
        yield front.url


@pytest.fixture(scope="module", params=["postgres", "mysql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param == "postgres":
        made: Database = PostgresDatabase(
            request.getfixturevalue("postgres_server").create_database("type_lab")
        )
    else:
        made = MariaDbDatabase(request.getfixturevalue("mariadb_server").create_database("type_lab"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def laboratory(
    database: Database, warehouse: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laboratory]:
    made = Laboratory(database, warehouse, Path(tmp_path_factory.mktemp("lab")))
    yield made
    made.close()


def wrong(outcomes: Iterator[Outcome]) -> list[Any]:
    done = list(outcomes)
    assert done
    return [outcome.wrong for outcome in done if outcome.wrong]


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_every_value_arrives_as_it_was_and_again_after_an_update(laboratory: Laboratory, mode: str) -> None:
    assert wrong(laboratory.exact(laboratory.database.cases, mode=mode)) == []


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_what_does_not_fit_is_clamped_and_counted(laboratory: Laboratory, mode: str) -> None:
    assert wrong(laboratory.clamped(laboratory.database.cases, mode=mode)) == []


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_what_does_not_fit_becomes_null_and_is_counted(laboratory: Laboratory, mode: str) -> None:
    assert wrong(laboratory.nulled(laboratory.database.cases, mode=mode)) == []


def test_what_does_not_fit_stops_the_run_before_a_row_arrives(laboratory: Laboratory) -> None:
    assert wrong(laboratory.refused(laboratory.database.cases, mode="full")) == []


def test_no_default_of_a_server_changes_a_value(laboratory: Laboratory) -> None:
    cases = laboratory.database.cases
    with laboratory.database.with_hostile_defaults():
        assert wrong(laboratory.exact(cases, mode="incremental")) == []
        assert wrong(laboratory.clamped(cases, mode="full")) == []
