"""Which addresses a state store takes, and what it says of the others. Nothing is connected."""

from __future__ import annotations

import sqlite3

import pytest

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, FatalError, PipelineError, RetriableError
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.errors import translate
from dagster_pipeline.state.state_manager import StateManager


def _url(text: str) -> DatabaseUrl:
    return DatabaseUrl.parse(text, variable="STATE_URL", schemes=())


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////var/lib/state.sqlite",
        "sqlite+pysqlite:///state.sqlite?timeout=0.5",
        "postgresql://user:secret@db.example/state?sslmode=require",
        "postgres://db.example/state",
        "postgresql+psycopg2://db.example/state",
        "postgresql:///state?host=/var/run/postgresql",
    ],
)
def test_an_address_of_a_store_is_taken_without_connecting(text: str) -> None:
    StateManager(_url(text)).close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mysql://user:secret@host/state", "mysql://"),
        ("postgresql+asyncpg://user:secret@host/state", "asyncpg"),
        ("postgresql://user:secret@host", "names no database"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////state.sqlite?cache=shared", "cache"),
        ("sqlite:////state.sqlite?timeout=soon", "timeout is no number"),
    ],
)
def test_another_address_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        StateManager(_url(text))
    assert refused.value.todo
    assert "STATE_URL" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("home", ["/var/lib/dagster", "/a b/ü?c#d%20e"])
def test_the_default_store_stands_in_dagsters_home_whatever_its_name(home: str) -> None:
    url = Settings.from_environment({"DAGSTER_HOME": home}).state_url()
    assert url.database == f"{home}/pipeline_state.sqlite"
    assert str(url) == f"sqlite:///{home}/pipeline_state.sqlite"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, RetriableError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, RetriableError),
        (sqlite3.SQLITE_LOCKED, RetriableError),
        (sqlite3.SQLITE_FULL, RetriableError),
        (sqlite3.SQLITE_IOERR_FSYNC, RetriableError),
        (sqlite3.SQLITE_READONLY_DBMOVED, ConfigurationError),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, ConfigurationError),
        (sqlite3.SQLITE_CORRUPT_INDEX, ConfigurationError),
        (sqlite3.SQLITE_NOTADB, ConfigurationError),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, FatalError),
        (sqlite3.SQLITE_MISUSE, FatalError),
        (None, FatalError),
    ],
)
def test_sqlites_codes_say_what_to_do(code: int | None, kind: type[PipelineError]) -> None:
    error = sqlite3.OperationalError("no luck")
    if code is not None:
        error.sqlite_errorcode = code
    translated = translate(error, _url("sqlite:////state.sqlite"))
    assert type(translated) is kind
    assert "no luck" in str(translated)
