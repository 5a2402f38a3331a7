"""The demo's surroundings: where its files are, its servers, and the variables that its programs run under."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.provide import choose
from scripts.servers.server import Server

ROOT = Path(__file__).resolve().parents[2]
OURS = ("MYSQL_", "POSTGRES_", "CLICKHOUSE_", "SLACK_", "SMTP_", "ALERT_")
OUR_NAMES = ("STATE_URL", "SCHEMAS_DIR", "DAGSTER_HOME", "MASK_KEY", "SCHEDULES_DEFAULT_STATUS")


@dataclass(frozen=True, slots=True)
class Places:
    """Where the demo writes.

    Attributes:
        local: servers, warehouse, log.
        dagster_home: run history and state.
    """

    local: Path = ROOT / ".local"
    dagster_home: Path = ROOT / "dagster_home"

    @property
    def servers(self) -> Path:
        """Data and records of the source servers."""
        return self.local / "servers"

    @property
    def warehouse(self) -> Path:
        """The embedded warehouse."""
        return self.local / "warehouse"

    @property
    def log(self) -> Path:
        """What the demo's programs print."""
        return self.local / "demo.log"


@dataclass(frozen=True, slots=True)
class Servers:
    """The demo's two source servers."""

    mysql: Server
    postgres: Server

    def start(self) -> None:
        """Return when both answer. Raises `ServerError`."""
        self.postgres.start()
        self.mysql.start()


def choose_servers(places: Places) -> Servers:
    """Servers that `MYSQL_URL` and `POSTGRES_URL` name, else ones of our own; not started yet."""
    return Servers(
        mysql=choose(MariaDb(), places.servers, variable=MariaDb.variable),
        postgres=choose(Postgres(), places.servers, variable=Postgres.variable),
    )


def variables(servers: Servers, places: Places) -> dict[str, str]:
    """The environment of the demo's programs: this one, less every setting of the pipeline, plus the demo's."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OURS) and name not in OUR_NAMES
    }
    return inherited | {
        "MYSQL_URL": servers.mysql.url,
        "POSTGRES_URL": servers.postgres.url,
        "CLICKHOUSE_URL": f"chdb://{places.warehouse}",
        "DAGSTER_HOME": str(places.dagster_home),
        "MASK_KEY": _mask_key(places),
    }


def _mask_key(places: Places) -> str:
    """A random key that stays the same between runs, so that masked values do too."""
    path = places.local / "mask_key"
    if not path.exists():
        places.local.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()
