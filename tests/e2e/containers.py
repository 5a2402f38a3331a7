"""The three services of the compose files as processes of this machine: the same commands, variables and health checks.

What differs from containers: ports, addresses of PostgreSQL and S3, and where the instance directory is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from scripts.servers.process import free_port
from tests.compose_files import merged
from tests.e2e.processes import ROOT, Processes, ask
from tests.e2e.stack import wait_for

SERVICES = ("dagster", "dagster_webserver", "dagster_daemon")
STARTUP_SECONDS = 180.0


class Containers(Processes):
    """The services, started and killed one by one."""

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        """Nothing runs yet.

        Args:
            directory: for the instance directory, logs and temporary files.
            variables: what .env says.
        """
        super().__init__(directory / "logs")
        self._grpc_port, self._web_port = free_port(), free_port()
        self.home = directory / "home"
        self.home.mkdir()
        shutil.copy(ROOT / "dagster_home/dagster.production.yaml", self.home / "dagster.yaml")
        shutil.copy(ROOT / "dagster_home/workspace.yaml", self.home)
        self._temporary = directory / "tmp"
        self._temporary.mkdir()
        self._variables = dict(variables)
        self._services = merged("prod", {"DAGSTER_IMAGE": "none", **variables})["services"]

    def environment(self, service: str) -> dict[str, str]:
        """Variables of one service, as its container would have them."""
        declared = {
            name: value for name, value in self._services[service]["environment"].items() if value is not None
        }
        from_env_file = self._variables if service == "dagster" else {}  # the one service with an env_file
        ours = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "HOME": str(self._temporary),
            "TMPDIR": str(self._temporary),
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_CODE_SERVER_HOST": "127.0.0.1",
            "DAGSTER_GRPC_HOST": "127.0.0.1",
            "DAGSTER_GRPC_PORT": str(self._grpc_port),
            "DAGSTER_WEBSERVER_HOST": "127.0.0.1",
            "DAGSTER_WEBSERVER_PORT": str(self._web_port),
        }
        return {**from_env_file, **declared, **ours}

    def start(self, service: str) -> None:
        """Start one service by its command, and do not wait."""
        self.launch(service, self._services[service]["command"], self.environment(service))

    def is_healthy(self, service: str) -> bool:
        """Whether its health check says so. Fails the test when the service has ended."""
        self.must_live(service)
        kind, *words = self._services[service]["healthcheck"]["test"]
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        environment = self.environment(service)
        result = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, check=False, timeout=120
        )
        return result.returncode == 0

    def wait_until_healthy(self, *services: str) -> None:
        """Return when the health checks of all of them succeed."""
        for service in services:
            wait_for(
                f"{service} is healthy", lambda name=service: self.is_healthy(name), seconds=STARTUP_SECONDS
            )

    def wait_for_location(self) -> None:
        """Return when the webserver answers and knows the code location."""

        def knows() -> bool:
            self.must_live("dagster")
            self.must_live("dagster_webserver")
            with suppress(OSError):
                answer = self.ask(
                    "{ locationStatusesOrError { __typename } repositoriesOrError { __typename "
                    "... on RepositoryConnection { nodes { name } } } }"
                )
                return bool(answer["repositoriesOrError"].get("nodes"))
            return False

        wait_for("the webserver knows the code location", knows, seconds=STARTUP_SECONDS)

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self._web_port}"

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """An answer of the webserver's GraphQL."""
        return ask(self.web_url, query, **variables)

    def launch_run(self, *table: str) -> str:
        """Ask the webserver for a run of one table; returns the run's id."""
        selector = {
            "repositoryLocationName": "dagster_pipeline",
            "repositoryName": "__repository__",
            "jobName": "etl",
            "assetSelection": [{"path": list(table)}],
            "assetCheckSelection": [],
        }
        launched = self.ask(
            LAUNCH, parameters={"selector": selector, "runConfigData": "{}", "mode": "default"}
        )
        run = launched["launchRun"]
        assert run["__typename"] == "LaunchRunSuccess", run
        return str(run["run"]["runId"])

    def run(self, run_id: str) -> dict[str, Any]:
        """Status, tags and retries of a run."""
        return dict(self.ask(RUN, id=run_id)["runOrError"])

    def events(self, run_id: str) -> str:
        """Every message of a run's events."""
        found = self.ask(EVENTS, id=run_id)["runOrError"]["eventConnection"]["events"]
        return "\n".join(str(event.get("message")) for event in found)

    def wait_for_end(self, run_id: str, *, seconds: float) -> str:
        """The status in which the run ended."""

        def ended() -> str | None:
            status = str(self.run(run_id)["status"])
            return status if status in {"SUCCESS", "FAILURE", "CANCELED"} else None

        return wait_for(f"run {run_id} ends", ended, seconds=seconds, every=0.5)


LAUNCH = """
mutation ($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
} }
"""
RUN = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run { runId status tags { key value } } } }
"""
EVENTS = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run {
    eventConnection { events { ... on MessageEvent { message } } } } } }
"""
