"""A database of one shop, its table files, a warehouse and a state store, driven by commands as a person types them."""

from __future__ import annotations

import json
import textwrap
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.connections import open_source, open_state, open_warehouse
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from dagster_pipeline.sync.config import SyncConfig
from dagster_pipeline.sync.engine import TableSync
from dagster_pipeline.sync.result import SyncResult
from tests.type_lab.databases import Database


@dataclass
class Shop:
    """What a test needs to change files and see what commands say."""

    database: Database
    root: Path
    capsys: pytest.CaptureFixture[str]
    variables: dict[str, str] = field(default_factory=dict)

    def set_up(self, warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Point every variable at what the test owns."""
        self.root.mkdir()
        self.variables |= {
            "SCHEMAS_DIR": str(self.root),
            "CLICKHOUSE_URL": f"chdb://{warehouse}",
            "STATE_URL": f"sqlite:///{self.root.parent / 'state.sqlite'}",
            "MASK_KEY": "a key of the tests, long enough for hmac",
            f"{self.database.dialect.upper()}_SHOP_URL": self.database.url,
        }
        for name, value in self.variables.items():
            monkeypatch.setenv(name, value)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.variables)

    def write(self, table: str, text: str, *, kind: str = "") -> Path:
        """One file; of a table unless a kind is named."""
        path = self.root / (kind or f"{self.database.dialect}/shop") / f"{table}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
        return path

    def change(self, table: str, old: str, new: str) -> None:
        """Edit a table's file."""
        path = self.root / self.database.dialect / "shop" / f"{table}.yml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def load(self, table: str, **config: Any) -> SyncResult:
        """Bring a table forward as a run does."""
        (schema,) = [each for each in load_tables(self.settings) if each.source.table == table]
        run_id = uuid.uuid4().hex
        with (
            closing(open_state(self.settings)) as state,
            open_source(self.settings, schema) as source,
            open_warehouse(self.settings, run_id=run_id) as sink,
        ):
            return TableSync(
                schema, source=source, sink=sink, state=state, run_id=run_id, config=SyncConfig(**config)
            ).run()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The warehouse itself."""
        with open_warehouse(self.settings, run_id="test") as sink:
            return sink.rows(sql)

    def tell(self, *statements: str) -> None:
        """Change the warehouse behind the pipeline's back."""
        with open_warehouse(self.settings, run_id="test") as sink:
            for statement in statements:
                sink.run(statement, doing="A test")

    def call(self, *words: str) -> tuple[int, str, str]:
        """One command: exit code, what it wrote, and what it said aside."""
        self.capsys.readouterr()
        code = main(list(words))
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def call_json(self, *words: str) -> Any:
        """One command's JSON."""
        return json.loads(self.call(*words, "--json")[1])
