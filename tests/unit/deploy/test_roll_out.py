"""The roll-out on a host, with a `docker` that only writes down what it is asked and fails where a test says so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
NEW = "ghcr.io/example/pipeline@sha256:" + "b" * 64
OLD = "ghcr.io/example/pipeline@sha256:" + "a" * 64
DOCKER = """#!/usr/bin/env bash
echo "${DAGSTER_IMAGE##*:} $*" >> calls
case "$*" in
  *" pull "*) exit "${FAILS_PULL:-0}" ;;
  *" up "*) [[ " ${BROKEN:-} " != *" ${DAGSTER_IMAGE##*:} "* ]] ;;
esac
"""


@dataclass
class Host:
    """A directory as `over_ssh.sh` leaves it, with that docker on PATH."""

    directory: Path

    def roll_out(self, image: str = NEW, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["scripts/deploy/roll_out.sh", image],
            cwd=self.directory,
            env={"PATH": f"{self.directory}:{os.environ['PATH']}", **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def started(self) -> list[str]:
        """First letters of the digests that were brought up, in order."""
        calls = (
            (self.directory / "calls").read_text().splitlines() if (self.directory / "calls").exists() else []
        )
        return [call[0] for call in calls if " up " in call]

    @property
    def deployed(self) -> str:
        file = self.directory / ".deployed-image"
        return file.read_text().strip() if file.exists() else ""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    shutil.copytree(ROOT / "scripts/deploy", tmp_path / "scripts/deploy")
    docker = tmp_path / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    return Host(tmp_path)


def test_an_image_that_works_is_remembered(host: Host) -> None:
    done = host.roll_out(OLD)
    assert done.returncode == 0, done.stderr
    assert host.roll_out(NEW).returncode == 0
    assert host.deployed == NEW
    assert host.started == ["a", "b"]


def test_an_image_that_does_not_work_gives_way_to_the_one_before(host: Host) -> None:
    host.roll_out(OLD)
    done = host.roll_out(NEW, BROKEN="b" * 64)
    assert done.returncode == 1
    assert f"{NEW} does not work. Putting {OLD} back." in done.stderr
    assert host.started == ["a", "b", "a"]
    assert host.deployed == OLD


def test_when_neither_works_it_says_so(host: Host) -> None:
    host.roll_out(OLD)
    done = host.roll_out(NEW, BROKEN=f"{'a' * 64} {'b' * 64}")
    assert done.returncode == 2
    assert "does not work either" in done.stderr


def test_a_first_image_that_does_not_work_has_nothing_before_it(host: Host) -> None:
    done = host.roll_out(NEW, BROKEN="b" * 64)
    assert done.returncode == 2
    assert "no image was deployed before" in done.stderr
    assert host.deployed == ""


def test_an_image_that_cannot_be_pulled_changes_nothing(host: Host) -> None:
    host.roll_out(OLD)
    done = host.roll_out(NEW, FAILS_PULL="1")
    assert done.returncode == 1
    assert "Nothing was changed" in done.stderr
    assert host.started == ["a"]


def test_a_tag_is_refused(host: Host) -> None:
    done = host.roll_out("ghcr.io/example/pipeline:v1")
    assert done.returncode == 1
    assert "is no digest" in done.stderr
    assert host.started == []


def test_over_ssh_names_what_is_not_set() -> None:
    done = subprocess.run(
        [ROOT / "scripts/deploy/over_ssh.sh", NEW],
        env={"PATH": os.environ["PATH"], "DEPLOY_HOST": "h"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "error: DEPLOY_USER is not set. Set it in the environment `production`.\n"


LOADED = {
    "name": "pipeline",
    "loadStatus": "LOADED",
    "locationOrLoadError": {"__typename": "RepositoryLocation", "repositories": [{"name": "__repository__"}]},
}


@pytest.fixture
def answers() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webserver that gives one answer after the other, the last for ever."""
    given: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps(
                {"data": {"workspaceOrError": given[0] if len(given) == 1 else given.pop(0)}}
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
            del format, args

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/graphql", given
        server.shutdown()


def smoke_test(url: str, seconds: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts/deploy/smoke_test.py"],
        env={"SMOKE_URL": url, "SMOKE_SECONDS": seconds}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_smoke_test_waits_until_the_location_has_loaded(
    answers: tuple[str, list[dict[str, Any]]],
) -> None:
    url, given = answers
    given += [
        {
            "__typename": "Workspace",
            "locationEntries": [{**LOADED, "loadStatus": "LOADING", "locationOrLoadError": None}],
        },
        {"__typename": "Workspace", "locationEntries": [LOADED]},
    ]
    assert smoke_test(url, "60").returncode == 0


def test_the_smoke_test_names_a_location_that_does_not_load(
    answers: tuple[str, list[dict[str, Any]]],
) -> None:
    url, given = answers
    error = {"__typename": "PythonError", "message": "Traceback\nSchemaFilesError: 1 problem(s)"}
    given.append({"__typename": "Workspace", "locationEntries": [{**LOADED, "locationOrLoadError": error}]})
    done = smoke_test(url, "0")
    assert done.returncode == 1
    assert (
        done.stderr
        == "error: smoke test: the code location pipeline is LOADED: SchemaFilesError: 1 problem(s)\n"
    )
