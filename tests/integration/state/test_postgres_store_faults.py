"""A PostgreSQL store that is gone, comes back, refuses or is read-only: each gets an error that says what to do."""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, event

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import (
    ConfigurationError,
    FatalError,
    PipelineError,
    RetriableError,
    TableLockedError,
)
from dagster_pipeline.state.errors import translate
from dagster_pipeline.state.state_manager import StateManager
from scripts.servers.server import Server
from tests.contract.state.loads import TABLE, a_load, run
from tests.faults.tcp_proxy import TcpProxy

DEADLINE_SECONDS = 60.0

_numbers = itertools.count(1)


@pytest.fixture
def url(postgres_server: Server) -> DatabaseUrl:
    text = postgres_server.create_database(f"state_faults_{next(_numbers)}")
    return DatabaseUrl.parse(text, variable="STATE_URL", schemes=())


@pytest.fixture
def line(url: DatabaseUrl) -> Iterator[TcpProxy]:
    with TcpProxy(url.host, url.port) as line:
        yield line


@pytest.fixture
def store(url: DatabaseUrl, line: TcpProxy) -> Iterator[StateManager]:
    """A store at the end of a line that can be cut."""
    with closing(StateManager(replace(url, port=line.port), lock_seconds=3)) as store:
        yield store


def _run(url: DatabaseUrl, *statements: str) -> None:
    with closing(psycopg2.connect(url.raw)) as connection:
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)


def _refusal(url: DatabaseUrl, act: Callable[[StateManager], object]) -> PipelineError:
    with closing(StateManager(url)) as store, pytest.raises(PipelineError) as refused:
        act(store)
    return refused.value


def _read(store: StateManager) -> object:
    return store.read(TABLE)


def test_a_store_that_is_gone_is_a_passing_error_and_is_used_again_when_it_is_back(
    store: StateManager, line: TcpProxy
) -> None:
    store.set_cursor(TABLE, "1")
    line.cut()
    for _ in range(2):
        with pytest.raises(RetriableError, match="lost the connection"):
            store.set_cursor(TABLE, "2")
    line.mend()
    assert store.read(TABLE).cursor == "1"


def test_a_server_restart_between_two_calls_is_not_noticed(store: StateManager, line: TcpProxy) -> None:
    store.set_cursor(TABLE, "1")
    line.cut()
    line.mend()
    store.set_cursor(TABLE, "2")


def test_a_connection_that_dies_in_the_middle_leaves_all_or_nothing(
    store: StateManager, line: TcpProxy
) -> None:
    store.read(TABLE)

    def cut(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO pipeline_chunks"):
            line.cut()

    event.listen(Engine, "after_cursor_execute", cut)
    try:
        with pytest.raises(RetriableError):
            store.open_load(a_load(chunks=100))
    finally:
        event.remove(Engine, "after_cursor_execute", cut)
    line.mend()
    assert store.read(TABLE).open_load is None
    run(store, a_load(chunks=100))


def test_a_lock_outlives_a_short_outage_of_the_store(
    store: StateManager, line: TcpProxy, url: DatabaseUrl
) -> None:
    with store.lock(TABLE, owner="run 1") as lock:
        line.cut()
        with pytest.raises(RetriableError):
            lock.assert_held()
        with closing(StateManager(url)) as other:
            (before,) = other.locks()
            time.sleep(1.2)  # one heartbeat fails
            line.mend()
            deadline = time.monotonic() + DEADLINE_SECONDS
            while (
                other.locks()[0].heartbeat_at <= before.expires_at
            ):  # longer than the lock lasts without one
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with pytest.raises(TableLockedError), other.lock(TABLE, owner="run 2"):
                pass
        lock.assert_held()


def test_a_lock_that_another_took_during_a_long_outage_is_lost(
    store: StateManager, line: TcpProxy, url: DatabaseUrl
) -> None:
    with closing(StateManager(url)) as other, ExitStack() as stack:
        with store.lock(TABLE, owner="run 1") as lock:
            line.cut()
            deadline = time.monotonic() + DEADLINE_SECONDS
            while other.is_locked(TABLE):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            stack.enter_context(other.lock(TABLE, owner="run 2"))
            line.mend()
            with pytest.raises(TableLockedError, match=r"run 1 .* lost"):
                lock.assert_held()
        assert [record.owner[:5] for record in other.locks()] == ["run 2"]


def test_a_run_whose_store_is_gone_at_the_end_fails_with_its_own_error(
    store: StateManager, line: TcpProxy
) -> None:
    def fail() -> None:
        with store.lock(TABLE, owner="run 1"):
            line.cut()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_more_locks_than_pooled_connections_are_kept_alive_at_once(url: DatabaseUrl) -> None:
    with closing(StateManager(url, lock_seconds=1)) as store, ExitStack() as stack:
        held = [stack.enter_context(store.lock(f"amtdb/t{number}", owner="run 1")) for number in range(12)]
        time.sleep(1.5)
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda lock: lock.assert_held(), held))


def test_a_server_that_is_not_there_is_a_passing_error(url: DatabaseUrl, line: TcpProxy) -> None:
    line.__exit__()
    assert isinstance(_refusal(replace(url, port=line.port), _read), RetriableError)


def test_a_wrong_password_is_told_without_the_password(url: DatabaseUrl) -> None:
    error = _refusal(replace(url, password="wr0ng-secret"), _read)
    assert isinstance(error, ConfigurationError)
    assert "Check user, password" in str(error)
    assert "wr0ng-secret" not in "".join(traceback.format_exception(error)) + repr(error)


def test_a_database_that_does_not_exist_is_named(url: DatabaseUrl) -> None:
    error = _refusal(url.with_database("nowhere"), _read)
    assert isinstance(error, ConfigurationError)
    assert "nowhere" in str(error)


def test_an_option_that_does_not_exist_is_refused(url: DatabaseUrl) -> None:
    assert isinstance(_refusal(replace(url, options={"sslmood": "x"}), _read), ConfigurationError)


def test_a_user_without_rights_is_told_what_to_grant(url: DatabaseUrl) -> None:
    user = f"{url.database}_reader"
    _run(url, f"DROP ROLE IF EXISTS {user}", f"CREATE ROLE {user} LOGIN PASSWORD 'p'")
    stranger = replace(url, user=user, password="p")
    assert isinstance(_refusal(stranger, _read), ConfigurationError)
    with closing(StateManager(url)) as store:
        store.set_cursor(TABLE, "1")
    error = _refusal(stranger, _read)
    assert isinstance(error, ConfigurationError)
    assert "Let it own the pipeline_ tables" in str(error)


def test_a_read_only_server_can_be_read_and_refuses_writes(url: DatabaseUrl) -> None:
    with closing(StateManager(url)) as store:
        store.set_cursor(TABLE, "1")
    _run(url, f"ALTER DATABASE {url.database} SET default_transaction_read_only = on")
    with closing(StateManager(url)) as store:
        assert store.read(TABLE).cursor == "1"
    error = _refusal(url, lambda store: store.set_cursor(TABLE, "2"))
    assert isinstance(error, ConfigurationError)
    assert "primary server" in str(error)


def test_the_tables_stand_in_the_schema_that_the_address_names(url: DatabaseUrl) -> None:
    _run(url, "CREATE SCHEMA of_pipeline")
    with closing(StateManager(replace(url, options={"options": "-c search_path=of_pipeline"}))) as store:
        store.set_cursor(TABLE, "1")
        store.close()
        assert store.read(TABLE).cursor == "1"
    with closing(psycopg2.connect(url.raw)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT cursor_value FROM of_pipeline.pipeline_positions")
        assert cursor.fetchone() == ("1",)


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("08006", RetriableError),
        ("25006", ConfigurationError),
        ("28000", ConfigurationError),
        ("40001", RetriableError),
        ("40P01", RetriableError),
        ("42501", ConfigurationError),
        ("42P01", ConfigurationError),
        ("53100", RetriableError),
        ("53300", RetriableError),
        ("55P03", RetriableError),
        ("57014", RetriableError),
        ("57P01", RetriableError),
        ("58030", RetriableError),
        ("XX001", ConfigurationError),
        ("23505", FatalError),
        ("22012", FatalError),
        ("ZZ999", FatalError),
    ],
)
def test_the_servers_codes_say_what_to_do(url: DatabaseUrl, sqlstate: str, kind: type[PipelineError]) -> None:
    with pytest.raises(psycopg2.Error) as raised:
        _run(url, f"DO $$ BEGIN RAISE EXCEPTION 'no luck' USING ERRCODE = '{sqlstate}'; END $$")
    error = translate(raised.value, url)
    assert type(error) is kind
    assert f"[{sqlstate}]" in str(error)
