"""The event log during a run: few connections, and other processes see every event at once as they do without."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
from sqlalchemy import Engine, event

from dagster_pipeline.execution.event_storage import kept_open
from scripts.servers.server import Server

PATIENCE = 60
EVENTS = 20

Open = Callable[[], dg.DagsterInstance]


@pytest.fixture
def database(postgres_server: Server) -> str:
    return postgres_server.create_database("dagster_events")


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Open, None, None]:
    storage = ""
    if request.param == "postgres":
        storage = (
            f"storage: {{postgres: {{postgres_url: '{with_driver(request.getfixturevalue('database'))}'}}}}\n"
        )
    (tmp_path / "dagster.yaml").write_text(f"telemetry: {{enabled: false}}\n{storage}")
    instances = []

    def open_instance() -> dg.DagsterInstance:
        instances.append(dg.DagsterInstance.from_config(str(tmp_path)))
        return instances[-1]

    yield open_instance
    for instance in instances:
        instance.dispose()


def with_driver(url: str) -> str:
    """SQLAlchemy would look for another driver than Dagster's."""
    return url.replace("postgresql:", "postgresql+psycopg2:", 1)


@contextmanager
def counted_connections() -> Iterator[list[object]]:
    """Every connection that any engine of this process makes meanwhile."""
    seen: list[object] = []

    def connected(connection: object, _record: object) -> None:
        seen.append(connection)

    event.listen(Engine, "connect", connected)
    try:
        yield seen
    finally:
        event.remove(Engine, "connect", connected)


def messages(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    records = instance.get_records_for_run(run.run_id).records
    return sorted(record.event_log_entry.get_dagster_event().message or "" for record in records)


def report(instance: dg.DagsterInstance, run: dg.DagsterRun, text: str) -> None:
    instance.report_engine_event(text, run)


def test_events_of_several_threads_share_connections_until_the_end(opened: Open) -> None:
    writer, reader = opened(), opened()
    run = writer.create_run_for_job(job)
    report(writer, run, "before")
    with kept_open(writer.event_log_storage):
        report(writer, run, "first")
        with counted_connections() as connections, ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda number: report(writer, run, f"event {number:02}"), range(EVENTS)))
        assert len(connections) <= 3
        assert messages(reader, run) == sorted(
            ["before", "first", *(f"event {number:02}" for number in range(EVENTS))]
        )
    with counted_connections() as connections:
        report(writer, run, "after")
        report(writer, run, "after")
    assert len(connections) >= 2, "Dagster's own way is back"
    assert messages(reader, run).count("after") == 2


def test_whoever_watches_the_run_hears_of_an_event_while_the_log_is_kept_open(opened: Open) -> None:
    writer, reader = opened(), opened()
    run = writer.create_run_for_job(job)
    heard: list[str] = []
    with kept_open(writer.event_log_storage):
        report(writer, run, "before")
        reader.watch_event_logs(
            run.run_id, None, lambda entry, _cursor: heard.append(entry.get_dagster_event().message or "")
        )
        deadline = time.monotonic() + PATIENCE
        while "during" not in heard and time.monotonic() < deadline:
            report(writer, run, "during")
            time.sleep(0.2)
        assert "during" in heard


def test_a_session_that_the_server_ended_is_replaced(database: str, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(
        f"telemetry: {{enabled: false}}\nstorage: {{postgres: {{postgres_url: '{with_driver(database)}'}}}}\n"
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        run = instance.create_run_for_job(job)
        with kept_open(instance.event_log_storage):
            report(instance, run, "before")
            connection = psycopg2.connect(database)
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                assert cursor.fetchall()[0][0] >= 1
            connection.close()
            report(instance, run, "after")
        assert messages(instance, run) == ["after", "before"]


@dg.job
def job() -> None: ...
