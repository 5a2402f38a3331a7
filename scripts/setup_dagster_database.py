"""Make the PostgreSQL database that Dagster keeps its records in, and the user that owns it.

`POSTGRES_ADMIN_URL=postgresql://admin:...@host/postgres python scripts/setup_dagster_database.py`

Names and password come from DAGSTER_POSTGRES_DB, _USER and _PASSWORD (or _PASSWORD_FILE). May run again at any time; a new
password replaces the old one. With `--state` it makes the database and user that STATE_URL names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for whoever did not install the project

from dagster_pipeline.errors import ConfigurationError, PipelineError
from dagster_pipeline.instance.database_setup import OwnedDatabase, set_up
from dagster_pipeline.settings import Settings

ADMIN = "POSTGRES_ADMIN_URL"
RECORDS = ("DAGSTER_POSTGRES_DB", "DAGSTER_POSTGRES_USER", "DAGSTER_POSTGRES_PASSWORD")


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up one database; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make Dagster's PostgreSQL database and its user.")
    parser.add_argument(
        "--state", action="store_true", help="make those that STATE_URL names, not Dagster's own"
    )
    parsed = parser.parse_args(arguments)
    settings = Settings.from_environment()
    try:
        variables = settings.environment
        wanted = _state(settings) if parsed.state else _records(variables)
        done = set_up(_demand(variables, ADMIN), wanted)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(f"- {purpose}" for purpose in done))
    print(f"{wanted.user} owns the database {wanted.database}.")
    return 0


def _records(variables: Mapping[str, str]) -> OwnedDatabase:
    database, user, password = (_demand(variables, name) for name in RECORDS)
    return OwnedDatabase(database, user, password)


def _state(settings: Settings) -> OwnedDatabase:
    url = settings.state_url()
    if not url.scheme.startswith("postgres") or not (url.user and url.password and url.database):
        raise ConfigurationError("STATE_URL must be postgresql://user:password@host/database.")
    return OwnedDatabase(url.database, url.user, url.password)


def _demand(variables: Mapping[str, str], name: str) -> str:
    if not variables.get(name):
        raise ConfigurationError(f"{name} is not set.", todo="See docs/stack.md.")
    return variables[name]


if __name__ == "__main__":
    sys.exit(main())
