"""A database with a user of its own, made on a real server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg2
import pytest

from dagster_pipeline.errors import ConfigurationError, FatalError
from dagster_pipeline.instance.database_setup import OwnedDatabase, set_up
from scripts.servers.server import Server
from scripts.setup_dagster_database import main

NAME = "set_up_database"
WANTED = OwnedDatabase(NAME, NAME, "first 'password\\")


@pytest.fixture
def admin(postgres_server: Server) -> Iterator[str]:
    def forget() -> None:
        for statement in (
            f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)",
            f"DROP ROLE IF EXISTS {NAME}",
            "DROP ROLE IF EXISTS set_up_admin",
            "DROP ROLE IF EXISTS set_up_other",
        ):
            run(postgres_server.url, statement)

    forget()
    yield postgres_server.url
    forget()


def run(url: str, statement: str) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


def connect_as(admin_url: str, user: str, password: str, database: str = NAME) -> None:
    parts = urlsplit(admin_url)
    with (
        closing(
            psycopg2.connect(
                host=parts.hostname, port=parts.port, user=user, password=password, dbname=database
            )
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE IF NOT EXISTS proof (n int)")
        cursor.execute("INSERT INTO proof VALUES (1)")
        connection.commit()


def test_the_user_can_work_in_its_database_and_a_second_set_up_changes_the_password_alone(admin: str) -> None:
    set_up(admin, WANTED)
    connect_as(admin, NAME, WANTED.password)
    set_up(admin, OwnedDatabase(NAME, NAME, "second"))
    connect_as(admin, NAME, "second")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connect_as(admin, NAME, WANTED.password)


def test_nobody_else_may_connect(admin: str) -> None:
    set_up(admin, WANTED)
    run(admin, "CREATE ROLE set_up_other LOGIN PASSWORD 'other'")
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        connect_as(admin, "set_up_other", "other")


def test_an_administrator_without_superuser_rights_is_enough(admin: str) -> None:
    """As the master user of a managed server has it."""
    run(admin, "CREATE ROLE set_up_admin LOGIN CREATEDB CREATEROLE PASSWORD 'admin'")
    managed = urlsplit(admin)._replace(
        netloc=f"set_up_admin:admin@{urlsplit(admin).hostname}:{urlsplit(admin).port}"
    )
    url = managed._replace(path="/postgres").geturl()
    assert len(set_up(url, WANTED)) == 6
    set_up(url, WANTED)
    connect_as(admin, NAME, WANTED.password)


def test_a_database_of_somebody_else_is_left_alone(admin: str) -> None:
    run(admin, f"CREATE DATABASE {NAME}")
    with pytest.raises(ConfigurationError, match=f"{NAME} exists and belongs to"):
        set_up(admin, WANTED)


def test_a_refusal_names_no_password(admin: str) -> None:
    run(admin, "CREATE ROLE set_up_other LOGIN PASSWORD 'other'")
    address = urlsplit(admin)
    url = address._replace(
        netloc=f"set_up_other:other@{address.hostname}:{address.port}", path="/postgres"
    ).geturl()
    with pytest.raises(FatalError, match="the server refuses: ") as raised:
        set_up(url, WANTED)
    assert "first" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_script_makes_the_databases_that_the_variables_name(
    admin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    address = urlsplit(admin)
    said = {
        "POSTGRES_ADMIN_URL": admin,
        "DAGSTER_POSTGRES_DB": NAME,
        "DAGSTER_POSTGRES_USER": NAME,
        "DAGSTER_POSTGRES_PASSWORD": "by the script",
        "STATE_URL": f"postgresql://{NAME}:as%20state@{address.hostname}/{NAME}",
    }
    with patch.dict(os.environ, said, clear=True):
        assert main([]) == 0
        connect_as(admin, NAME, "by the script")
        assert main(["--state"]) == 0
        connect_as(admin, NAME, "as state")
    printed = capsys.readouterr().out
    assert printed.endswith(f"{NAME} owns the database {NAME}.\n")
    assert "by the script" not in printed


def test_the_script_names_the_variable_that_it_misses(capsys: pytest.CaptureFixture[str]) -> None:
    with patch.dict(os.environ, {"DAGSTER_POSTGRES_DB": NAME}, clear=True):
        assert main([]) == 1
    assert capsys.readouterr().err == "error: DAGSTER_POSTGRES_USER is not set. See docs/stack.md.\n"
