"""The compose files' services as processes, with the production instance: PostgreSQL, S3, runs that outlive crashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.servers.server import Server
from tests.e2e.containers import SERVICES, Containers
from tests.e2e.production import Production, around
from tests.e2e.stack import wait_for

ROWS = 30_000


@pytest.fixture
def production(
    postgres_server: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Production]:
    slow = getattr(request, "param", None)
    with around(postgres_server, tmp_path, name="services", rows=ROWS, rows_per_second=slow) as made:
        yield made


@pytest.fixture
def services(production: Production, tmp_path: Path) -> Iterator[Containers]:
    containers = Containers(tmp_path, production.variables)
    try:
        yield containers
    finally:
        containers.close()


def test_the_services_run_a_table_from_the_queue_and_its_log_is_in_s3(
    production: Production, services: Containers
) -> None:
    for service in SERVICES:
        services.start(service)
    services.wait_for_location()
    run_id = services.launch_run("shop", "orders")
    assert services.wait_for_end(run_id, seconds=180) == "SUCCESS", services.last_words()
    assert production.copied() == (ROWS, ROWS * (ROWS + 1) // 2)
    tags = {tag["key"]: tag["value"] for tag in services.run(run_id)["tags"]}
    assert (tags["source_database"], tags["warehouse"]) == ("postgres_shop", "dagster_pipeline")
    assert sum(production.log_keys(run_id).values()) > 0
    # A container's root file system is read-only: nothing was written but to /tmp.
    files = {path.name for path in services.home.rglob("*") if path.is_file()}
    assert files == {"dagster.yaml", "workspace.yaml"}
    printed = services.last_words() + json.dumps(services.run(run_id))
    assert not [word for word in ("known-dagster", "known-secret", "known-warehouse") if word in printed]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("production", [300], indirect=True)
def test_a_run_survives_that_each_service_is_killed(production: Production, services: Containers) -> None:
    for service in SERVICES:
        services.start(service)
    services.wait_until_healthy(*SERVICES)
    services.wait_for_location()
    run_id = services.launch_run("shop", "orders")

    def has_begun() -> bool:
        return services.run(run_id)["status"] == "STARTED"

    wait_for("the run starts", has_begun, seconds=180)
    for service in ("dagster_webserver", "dagster_daemon"):
        services.kill(service)
        services.start(service)
        services.wait_until_healthy(service)
    wait_for("what it prints is in S3", lambda: bool(production.log_keys(run_id)), seconds=120, every=1)
    assert services.run(run_id)["status"] == "STARTED"
    services.kill("dagster")  # and the run's own process with it
    services.start("dagster")
    services.wait_until_healthy("dagster")
    assert services.wait_for_end(run_id, seconds=300) == "FAILURE"
    assert "does not have this run any more" in services.events(run_id)

    def retry() -> str | None:
        runs = services.ask(RETRIES)["runsOrError"]["results"]
        return next((str(run["runId"]) for run in runs if run["parentRunId"] == run_id), None)

    retried = wait_for("the run is retried", retry, seconds=180, every=1)
    assert services.wait_for_end(retried, seconds=300) == "SUCCESS", services.last_words()
    assert production.copied() == (ROWS, ROWS * (ROWS + 1) // 2)
    assert sum(production.log_keys(retried).values()) > 0
    assert sum(production.log_keys(run_id).values()) > 0, "what the killed run printed until then"
    services.wait_until_healthy(*SERVICES)


RETRIES = "{ runsOrError { ... on Runs { results { runId parentRunId status } } } }"
