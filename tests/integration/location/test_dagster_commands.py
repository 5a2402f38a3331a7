"""Dagster's own commands work on the project as it stands, without a secret.

`dagster definitions validate` comes with the package dagster, `dg` with dagster-dg-cli, which only `make setup` installs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path), "VIRTUAL_ENV": str(BIN.parent)}


def command(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_dagster_definitions_validate(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    said = command(
        {**environment, "DAGSTER_HOME": str(tmp_path / "home")}, "dagster", "definitions", "validate"
    )
    assert "Validation successful for code location dagster_pipeline" in said


def test_dg_check_defs(environment: dict[str, str]) -> None:
    assert "All definitions loaded successfully" in command(environment, "dg", "check", "defs")


def test_dg_list_defs(environment: dict[str, str]) -> None:
    said = command(environment, "dg", "list", "defs", "--json")
    listed = json.loads(said[said.index("{\n") : said.rindex("}") + 1])
    assert "amtdb/accounts" in {
        asset["key"] if "key" in asset else asset["asset_key"] for asset in listed["assets"]
    }
    assert listed["schedules"]
    assert listed["jobs"]
