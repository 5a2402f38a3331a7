"""How a store is created and brought up to date, in both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect, text

from dagster_pipeline.connectors.batch import KeyRange, Window
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError, PipelineError
from dagster_pipeline.state.database import Database
from dagster_pipeline.state.migrations import STEPS, Step
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.state.tables import metadata
from tests.contract.state.loads import TABLE, a_load, run

NEXT = STEPS[-1].number + 1
ADD_A_COLUMN = "ALTER TABLE pipeline_loads ADD COLUMN note TEXT NOT NULL DEFAULT 'none'"


def _open(url: DatabaseUrl, *more: Step) -> Database:
    return Database(url, clock=lambda: datetime.now(UTC), steps=(*STEPS, *more))


def _columns(url: DatabaseUrl, *more: Step) -> set[str]:
    with closing(_open(url, *more)) as database, database.reading() as connection:
        return {column["name"] for column in inspect(connection).get_columns("pipeline_loads")}


def test_the_steps_are_numbered_without_gap() -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))


def test_the_steps_make_the_tables_that_the_queries_expect(store_url: DatabaseUrl) -> None:
    with closing(_open(store_url)) as database, database.reading() as connection:
        catalog = inspect(connection)
        for table in metadata.tables.values():
            made = {column["name"]: column for column in catalog.get_columns(table.name)}
            assert {name: column["nullable"] for name, column in made.items()} == {
                column.name: column.nullable for column in table.columns
            }
            key = [column.name for column in table.primary_key.columns]
            assert catalog.get_pk_constraint(table.name)["constrained_columns"] == key
            indexes = {(index["name"], index["unique"]) for index in catalog.get_indexes(table.name)}
            assert indexes == {(index.name, index.unique) for index in table.indexes}


def test_an_old_store_upgrades_itself_and_keeps_what_it_knew(store_url: DatabaseUrl) -> None:
    with closing(StateManager(store_url)) as store:
        run(store, a_load(advance_to="5"))
    step = Step(NEXT, "add a column", (ADD_A_COLUMN,))
    with closing(_open(store_url, step)) as database, database.reading() as connection:
        assert connection.execute(text("SELECT note FROM pipeline_loads")).scalars().all() == ["none"]
        assert connection.execute(text("SELECT cursor_value FROM pipeline_positions")).scalar() == "5"


def test_a_step_is_taken_once_though_several_open_the_store_at_once(store_url: DatabaseUrl) -> None:
    with closing(StateManager(store_url)) as store:
        store.set_cursor(TABLE, "5")
    steps = (Step(NEXT, "add a column", (ADD_A_COLUMN,)), Step(NEXT + 1, "change nothing", ()))
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda _: _columns(store_url, *steps), range(4)))
    assert all("note" in columns for columns in seen)


def test_a_step_that_fails_leaves_the_store_as_it_was(store_url: DatabaseUrl) -> None:
    before = _columns(store_url)
    with pytest.raises(PipelineError):
        _columns(store_url, Step(NEXT, "fail", (ADD_A_COLUMN, "ALTER TABLE nowhere ADD COLUMN note TEXT")))
    assert _columns(store_url) == before
    assert "note" in _columns(store_url, Step(NEXT, "succeed", (ADD_A_COLUMN,)))


def test_a_newer_store_is_refused_with_what_to_do(store_url: DatabaseUrl) -> None:
    _columns(store_url, Step(NEXT, "add a column", (ADD_A_COLUMN,)))
    with closing(StateManager(store_url)) as store, pytest.raises(ConfigurationError) as refused:
        store.read(TABLE)
    assert f"schema {NEXT}" in str(refused.value)
    assert "Run the newer version" in str(refused.value)


def test_fields_that_an_older_version_did_not_have_get_their_defaults(
    store: StateManager, in_store: Callable[[str], object]
) -> None:
    store.open_load(a_load())
    in_store("""UPDATE pipeline_loads SET read_window = '{"cursor":"updated_at"}'""")
    in_store("""UPDATE pipeline_chunks SET key_range = '{"columns":["id"]}'""")
    load = store.read(TABLE).open_load
    assert load
    assert load.window == Window(cursor="updated_at")
    assert load.chunks[0].key_range == KeyRange(("id",))


def test_a_field_that_only_a_newer_version_knows_is_not_ignored(
    store: StateManager, in_store: Callable[[str], object]
) -> None:
    store.open_load(a_load())
    in_store("""UPDATE pipeline_loads SET read_window = '{"cursor":"updated_at","upper_exclusive":true}'""")
    with pytest.raises(ConfigurationError, match="upper_exclusive"):
        store.read(TABLE)
    store.set_cursor(TABLE, None)  # the way out
    assert store.read(TABLE).open_load is None
