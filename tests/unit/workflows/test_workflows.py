"""What the workflows of .github must hold, beyond what actionlint and zizmor know: `make workflows` runs those."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def test_the_three_workflows_are_there() -> None:
    assert [file.name for file in FILES] == ["deploy.yml", "test.yml", "validate-pr.yml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_actions_are_pinned_by_digest_with_their_version(file: Path) -> None:
    used = [line.strip().removeprefix("- ") for line in file.read_text().splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not PINNED.match(line)] == []


def test_one_action_has_one_digest() -> None:
    used = {match for file in FILES for match in re.findall(r"uses: (\S+)@(\w+) # (\S+)", file.read_text())}
    assert len({name for name, *_ in used}) == len(used)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_job_gets_only_the_rights_that_it_names(file: Path) -> None:
    workflow: dict[str, Any] = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"], name
        assert job["timeout-minutes"] <= 90, name
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_only_production_may_deploy_and_only_what_was_signed() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]
    assert jobs["roll-out"]["environment"] == "production"
    names = [step.get("name", step.get("uses", "")) for step in jobs["roll-out"]["steps"]]
    assert names.index("Verify that this workflow signed it") < names.index("Roll out")


def test_the_servers_of_the_matrix_are_those_that_are_supported() -> None:
    from dagster_pipeline.doctor.supported import RANGES, version_of

    include = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]["integration"][
        "strategy"
    ]["matrix"]["include"]
    products = {"mysql": "MySQL", "mariadb": "MariaDB"}
    tried: dict[str, set[tuple[int, int]]] = {}
    for row in include:
        image, _, version = row["mysql"].partition(":")
        tried.setdefault(products[image], set()).add(version_of(version))
        tried.setdefault("PostgreSQL", set()).add(version_of(row["postgres"]))
        if row["clickhouse"] != "latest":
            tried.setdefault("ClickHouse", set()).add(version_of(row["clickhouse"]))
    assert {row["python"] for row in include} == {"3.11", "3.12", "3.13"}
    for product, versions in tried.items():
        assert all(RANGES[product].oldest <= version <= RANGES[product].newest for version in versions), (
            product
        )
    assert tried["PostgreSQL"] == {(14, 0), (15, 0), (16, 0), (17, 0)}
    assert tried["MySQL"] == {(8, 0), (8, 4)}


def test_zizmor_finds_nothing() -> None:
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if zizmor is None:
        pytest.skip("zizmor is not installed; `make setup` does it")
    done = subprocess.run(
        [zizmor, "--offline", "--quiet", ".github/workflows"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
