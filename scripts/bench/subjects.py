"""Who moves the rows: we, and the peers. A subject is a command in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scripts.bench.servers import Source
from scripts.bench.tables import BenchTable
from scripts.bench.watch import Cost, watch

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).parent / "peers"


class BenchError(Exception):
    """A subject could not be installed, or did not end well."""


@dataclass(frozen=True)
class Job:
    """One table to be moved.

    Attributes:
        warehouse: `http` or `embedded`.
        warehouse_url: as `CLICKHOUSE_URL` has it.
        incremental: continue from the last load instead of beginning anew.
    """

    source: Source
    table: BenchTable
    warehouse: str
    warehouse_url: str
    incremental: bool = False


@dataclass(frozen=True)
class Outcome:
    """What it cost, and what the subject says of itself."""

    cost: Cost
    seconds: float
    loaded: str


class Subject(ABC):
    """Something that moves a table."""

    name: str
    warehouses: Sequence[str] = ("http",)

    @abstractmethod
    def prepare(self, say: Callable[[str], None]) -> None:
        """Install it. Raises `BenchError`."""

    @abstractmethod
    def move(self, job: Job) -> Outcome:
        """Do it. Raises `BenchError`."""

    def loaded(self, job: Job) -> str:
        """The destination table's full name."""
        return f"{self.name.split()[0]}_{job.source.dialect}.{job.table.name}"


class Ours(Subject):
    """What this repository builds, through `dagster asset materialize`, as a schedule's run does it."""

    name = "dagster_pipeline"
    warehouses = ("http", "embedded")

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._schemas = directory / "schemas"
        self._home = directory / "home"

    def prepare(self, say: Callable[[str], None]) -> None:
        """A Dagster instance of its own."""
        del say
        self._home.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "dagster_home" / "dagster.yaml", self._home)

    def loaded(self, job: Job) -> str:
        """Where the file says."""
        return f"ours_{job.source.dialect}.{job.table.name}"

    def move(self, job: Job) -> Outcome:
        """One run of one asset; the state store is empty before a full load."""
        database = f"ours_{job.source.dialect}"
        folder = self._schemas / job.source.dialect / "bench"
        folder.mkdir(parents=True, exist_ok=True)
        text = job.table.file(job.source.dialect)
        (folder / f"{job.table.name}.yml").write_text(f"{text}destination: {{database: {database}}}\n")
        state = self._directory / "state" / f"{job.warehouse}_{job.source.dialect}_{job.table.name}.sqlite"
        state.parent.mkdir(exist_ok=True)
        if not job.incremental:
            for file in state.parent.glob(f"{state.name}*"):
                file.unlink()
        variable = "POSTGRES_URL" if job.source.dialect == "postgres" else "MYSQL_URL"
        environment = {
            variable: job.source.server.url,
            "CLICKHOUSE_URL": job.warehouse_url,
            "DAGSTER_HOME": str(self._home),
            "STATE_URL": f"sqlite:///{state}",
            "SCHEMAS_DIR": str(self._schemas),
        }
        log = self._directory / "ours.log"
        command = [
            sys.executable,
            "-m",
            "dagster_pipeline.dagster_cli",
            "asset",
            "materialize",
            "-m",
            "dagster_pipeline.definitions",
        ]
        key = f"{database}/{job.table.name}"
        cost = watch([*command, "--select", f'key:"{key}"'], environment=environment, output=log)
        if cost.exit_code:
            raise BenchError(_last_lines(log))
        return Outcome(cost, self._seconds(key), self.loaded(job))

    def _seconds(self, key: str) -> float:
        from dagster import AssetKey, DagsterInstance  # noqa: PLC0415 - costs a second, and only here

        with DagsterInstance.from_config(str(self._home)) as instance:
            (record,) = instance.fetch_materializations(AssetKey(key.split("/")), limit=1).records
        if record.asset_materialization is None:
            raise BenchError("Dagster has no materialization of the load.")
        return float(str(record.asset_materialization.metadata["seconds"].value))


class Peer(Subject):
    """A tool in an environment of its own, driven by a script in `peers/`, whose last line is a JSON object."""

    def __init__(self, name: str, *, script: str, packages: Sequence[str], directory: Path) -> None:
        self.name = name
        self._script = PEERS / script
        self._packages = packages
        self._home = directory / "peers" / script.removesuffix(".py")
        self._log = directory / f"{script.removesuffix('.py')}.log"

    def prepare(self, say: Callable[[str], None]) -> None:
        """Create the environment, once."""
        mark = self._home / "installed"
        if mark.exists():
            return
        say(f"installing {', '.join(self._packages)}")
        venv.create(self._home / "venv", with_pip=True, clear=True)
        done = subprocess.run(
            [self._python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *self._packages],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"cannot be installed: {done.stderr.strip().splitlines()[-1]}")
        mark.touch()

    def move(self, job: Job) -> Outcome:
        """Run its script."""
        parts = urlsplit(job.warehouse_url)
        request = {
            "source": job.source.url,
            "dialect": job.source.dialect,
            "table": job.table.name,
            "columns": [column.name for column in job.table.columns],
            "http_host": parts.hostname,
            "http_port": parts.port,
            "database": self.loaded(job).partition(".")[0],
            "incremental": job.incremental,
            "home": str(self._home),
        }
        cost = watch(
            [self._python, str(self._script), json.dumps(request)],
            environment={"HOME": str(self._home), "PYTHONPATH": ""},
            output=self._log,
        )
        if cost.exit_code:
            raise BenchError(_last_lines(self._log))
        said = json.loads(self._log.read_text(errors="replace").strip().splitlines()[-1])
        return Outcome(cost, float(said["seconds"]), said["loaded"])

    @property
    def _python(self) -> str:
        return str(self._home / "venv" / "bin" / "python")


def peers(directory: Path) -> list[Subject]:
    """The tools that the package index carries; their versions are the newest that were tried."""
    return [
        Peer("quickhouse", script="quickhouse_load.py", packages=["quickhouse==0.21.0"], directory=directory),
        Peer(
            "dlt",
            script="dlt_load.py",
            packages=[
                "dlt[clickhouse]==1.31.0",
                "connectorx==0.4.6",
                "pyarrow",
                "sqlalchemy",
                "psycopg2-binary",
                "pymysql",
            ],
            directory=directory,
        ),
        Peer("Sling", script="sling_load.py", packages=["sling-linux-amd64==1.4.11"], directory=directory),
    ]


def _last_lines(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:])[-600:] or f"no word; {os.fspath(log)} is empty"
