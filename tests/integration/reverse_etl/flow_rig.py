"""One flow with its warehouse, its target and its state, to be run, disturbed and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.reverse_etl.book_tables import DATABASE
from dagster_pipeline.reverse_etl.flow import Flow
from dagster_pipeline.reverse_etl.result import ReverseEtlResult
from dagster_pipeline.reverse_etl.run import ReverseEtl, ReverseEtlConfig
from dagster_pipeline.reverse_etl.undo import Undo, UndoResult
from dagster_pipeline.schema.kind_files import read_kind
from dagster_pipeline.schema.reverse_etl_file import BEGIN, KIND, ReverseEtlFile, judge
from dagster_pipeline.state.state_manager import StateManager
from dagster_pipeline.targets.base_target import Place, Target
from dagster_pipeline.targets.mysql import MySQLTarget
from dagster_pipeline.targets.postgres import PostgresTarget


def read_flow(folder: Path, dialect: str, database: str, **keys: Any) -> Flow:
    """The flow `scores` of a file with these keys."""
    document = {
        "version": 1,
        "source": {"query": "SELECT * FROM scores_src.scores"},
        "target": {"dialect": dialect, "connection": database, "table": "scores"},
        "key": ["id"],
        "columns": [{"name": "id"}, {"name": "note"}, {"name": "score"}],
        **keys,
    }
    path = folder / "schemas" / KIND / "scores.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    found = read_kind(folder / "schemas", KIND, ReverseEtlFile, begin=BEGIN)
    assert found.problems == ()
    (file,) = found.files
    assert list(judge(file.value, ())) == []
    return Flow(file.name, file.value, table=None, sources=())


def open_target(flow: Flow, url: str) -> Target:
    parsed = DatabaseUrl.parse(url, variable="TARGET_URL", schemes=())
    target = flow.file.target
    place = Place(parsed.database, target.table, target.schema_name)
    kind = MySQLTarget if target.dialect == "mysql" else PostgresTarget
    return kind(parsed, place, comment="test")


class FlowRig:
    """The warehouse's table `scores_src.scores` into the target's table `scores`."""

    def __init__(self, server: Any, sink: ClickHouseSink, folder: Path) -> None:
        self.server = server
        self.sink = sink
        self.folder = folder
        self.keys: dict[str, Any] = {}
        self.state = StateManager(
            DatabaseUrl.parse(f"sqlite:///{folder}/state.sqlite", variable="STATE_URL", schemes=())
        )
        sink.command("CREATE DATABASE IF NOT EXISTS scores_src", doing="Preparing")

    @property
    def flow(self) -> Flow:
        url = DatabaseUrl.parse(self.server.url, variable="URL", schemes=())
        return read_flow(self.folder, self.server.dialect, url.database, **self.keys)

    def target(self, *statements: str) -> None:
        """Run statements in the target's database."""
        self.server.run(*statements)

    def source(self, columns: str, select: str) -> None:
        """Make the warehouse's table anew."""
        self.sink.drop("scores_src", "scores")
        self.sink.command(
            f"CREATE TABLE scores_src.scores ({columns}) ENGINE = MergeTree ORDER BY tuple()", doing="x"
        )
        self.sink.command(f"INSERT INTO scores_src.scores {select}", doing="x")

    def run(self, **config: Any) -> ReverseEtlResult:
        flow = self.flow
        with open_target(flow, self.server.url) as target:
            return ReverseEtl(
                flow,
                sink=self.sink,
                target=target,
                state=self.state,
                run_id="test",
                config=ReverseEtlConfig(**config),
            ).run()

    def undo(self, load: str) -> UndoResult:
        flow = self.flow
        with open_target(flow, self.server.url) as target:
            return Undo(flow, sink=self.sink, target=target, state=self.state, run_id="undo").undo(load)

    def found(self, query: str = "SELECT id, note, score FROM scores ORDER BY id") -> list[tuple[Any, ...]]:
        """What the target says."""
        connection = self.server.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return [tuple(row) for row in cursor.fetchall()]
        finally:
            connection.close()

    def rejects(self) -> list[tuple[Any, ...]]:
        return self.sink.rows(
            f"SELECT row['id'], reason FROM {DATABASE}.scores__rejects FINAL ORDER BY load, seq"
        )

    def close(self) -> None:
        for (name,) in self.sink.rows(f"SELECT name FROM system.tables WHERE database = '{DATABASE}'"):
            self.sink.drop(DATABASE, name)
        self.sink.drop("scores_src", "scores")
        self.state.close()
