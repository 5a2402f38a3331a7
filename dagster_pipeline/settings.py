"""The environment, read once into one frozen value. The only module that reads `os.environ`.

Secrets are held by reference: a source's URL is looked up when a run needs it, so loading definitions reads none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.secret_files import Variables

_MASK_KEY = re.compile(r"MASK_KEY(?:_\w+)?(?<!_FILE)")
_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|MASK_KEY|SLACK_WEBHOOK_URL|ACCESS_KEY")
PROJECT_ROOT = Path(__file__).resolve().parent.parent
TABLES_AT_ONCE = 4


def variable_part(name: str) -> str:
    """A connection's name as it stands in a variable: upper case, anything but letters and digits becomes `_`."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:  # not a URL; whoever uses it will say so
        return ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    Attributes:
        environment: the variables themselves, those of files included (`<NAME>_FILE`); secrets stay here until asked for,
            and never enter `repr`.
        schemas_dir: root of the YAML tree.
        dagster_home: instance directory; the default state store lives there.
        clickhouse_cluster: cluster name for ON CLUSTER DDL, or `None`.
        clickhouse_insert_quorum: how many replicas must have a chunk before it counts (`CLICKHOUSE_INSERT_QUORUM`).
        schedules_running: schedules start switched on (`SCHEDULES_DEFAULT_STATUS=running`); else a laptop would
            start production's work. What was switched in the UI wins over this.
        maintenance_dry_run: scheduled maintenance only tells what it would drop, unless `MAINTENANCE_DRY_RUN=false`.
        tables_at_once: how many tables one run works on at the same time (`TABLES_AT_ONCE`).
    """

    environment: Variables = field(repr=False)
    schemas_dir: Path
    dagster_home: Path
    clickhouse_cluster: str | None = None
    clickhouse_insert_quorum: str = "auto"
    schedules_running: bool = False
    tables_at_once: int = TABLES_AT_ONCE
    maintenance_dry_run: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the given variables, or the process's own."""
        variables = Variables(os.environ if environment is None else environment)
        return cls(
            environment=variables,
            schemas_dir=Path(variables.get("SCHEMAS_DIR") or PROJECT_ROOT / "schemas"),
            dagster_home=Path(variables.get("DAGSTER_HOME") or PROJECT_ROOT / "dagster_home"),
            clickhouse_cluster=variables.get("CLICKHOUSE_CLUSTER") or None,
            clickhouse_insert_quorum=_quorum(variables),
            schedules_running=variables.get("SCHEDULES_DEFAULT_STATUS", "stopped").lower() == "running",
            maintenance_dry_run=variables.get("MAINTENANCE_DRY_RUN", "true").lower() != "false",
            tables_at_once=_positive(variables, "TABLES_AT_ONCE", default=TABLES_AT_ONCE),
        )

    @property
    def alerts_file(self) -> Path:
        """Rules of alerts, from `ALERTS_FILE`; it need not exist."""
        return Path(self.environment.get("ALERTS_FILE") or PROJECT_ROOT / "alerts.yml")

    @property
    def webserver_url(self) -> str:
        """Address of Dagster's UI for links in messages, from `DAGSTER_WEBSERVER_URL`."""
        return self.environment.get("DAGSTER_WEBSERVER_URL") or "http://127.0.0.1:3004"

    def secrets(self) -> frozenset[str]:
        """Every text that the environment gives as a secret: no message may hold one of them."""
        found: set[str] = set()
        for name in self.environment:
            with suppress(ConfigurationError):  # a file that cannot be read gives nothing away
                value = self.environment[name]
                if _SECRET_NAME.search(name) and not name.endswith("_FILE"):  # a path is none
                    found.add(value)
                if name.endswith("_URL") and (password := _password(value)):
                    found |= {password, unquote(password)}
        return frozenset(found)

    @property
    def mask_keys(self) -> Mapping[str, str]:
        """Keys of `hmac_sha256` masks by their names in files: `MASK_KEY` has none, `MASK_KEY_V2` is `v2`."""
        return {
            name.removeprefix("MASK_KEY").removeprefix("_").lower(): value
            for name, value in self.environment.items()
            if value and _MASK_KEY.fullmatch(name)
        }

    @property
    def warehouse_is_embedded(self) -> bool:
        """The warehouse is the embedded engine, which one process may open at a time."""
        return (self.environment.get("CLICKHOUSE_URL") or "chdb://").startswith("chdb:")

    def clickhouse_url(self) -> DatabaseUrl:
        """The warehouse. Raises `ConfigurationError` when `CLICKHOUSE_URL` does not parse."""
        default = f"chdb://{PROJECT_ROOT / '.local' / 'warehouse'}"
        return DatabaseUrl.parse(
            self.environment.get("CLICKHOUSE_URL") or default,
            variable="CLICKHOUSE_URL",
            schemes=("chdb", "http", "https"),
        )

    def state_url(self) -> DatabaseUrl:
        """The state store. Raises `ConfigurationError` when `STATE_URL` does not parse."""
        default = f"sqlite:///{quote(str(self.dagster_home.resolve() / 'pipeline_state.sqlite'))}"
        return DatabaseUrl.parse(
            self.environment.get("STATE_URL") or default, variable="STATE_URL", schemes=()
        )

    def place_url(self, kind: str, *, connection: str, schemes: tuple[str, ...], example: str) -> DatabaseUrl:
        """A place that is no source database, e.g. a bucket, from `<KIND>_<CONNECTION>_URL`.

        Raises `ConfigurationError` that names the variable when it is not set, with an example of what to write.
        """
        variable = f"{kind}_{variable_part(connection)}_URL"
        if not self.environment.get(variable):
            raise ConfigurationError(
                f"No address for the {kind} connection {connection!r}.", todo=f"Set {variable} to {example}."
            )
        return DatabaseUrl.parse(self.environment[variable], variable=variable, schemes=schemes)

    def secret_of(self, kind: str, connection: str, what: str) -> str:
        """A secret of a place beside its address, from `<KIND>_<CONNECTION>_<WHAT>`; empty when it is not set."""
        return self.environment.get(f"{kind}_{variable_part(connection)}_{what}") or ""

    def source_url(
        self, dialect: Literal["mysql", "postgres"], *, connection: str, database: str
    ) -> DatabaseUrl:
        """The source database of one connection: its own variable, else the server's with the database's name.

        Raises `ConfigurationError` that names both variables when neither is set.
        """
        schemes = ("mysql", "mariadb") if dialect == "mysql" else ("postgresql", "postgres")
        own = f"{dialect.upper()}_{variable_part(connection)}_URL"
        server = f"{dialect.upper()}_URL"
        if self.environment.get(own):
            return DatabaseUrl.parse(self.environment[own], variable=own, schemes=schemes)
        if self.environment.get(server):
            return DatabaseUrl.parse(
                self.environment[server], variable=server, schemes=schemes
            ).with_database(database)
        raise ConfigurationError(
            f"No address for the {dialect} connection {connection!r}.",
            todo=f"Set {own} to {schemes[0]}://user:password@host/{database}, or {server} to the server alone.",
        )


def _quorum(variables: Mapping[str, str]) -> str:
    text = variables.get("CLICKHOUSE_INSERT_QUORUM") or "auto"
    if text != "auto" and not text.isdecimal():
        raise ConfigurationError(
            f"CLICKHOUSE_INSERT_QUORUM is {text!r}.", todo="Write auto, or a number of replicas; 0 is off."
        )
    return text


def _positive(variables: Mapping[str, str], name: str, *, default: int) -> int:
    text = variables.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"{name} is {text!r}.", todo="Write a whole number, 1 or more.")
    return int(text)
