"""The compose files, the Dockerfile and the instance files agree with each other and with the code."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from dagster_pipeline.instance.services import SERVICES
from tests.compose_files import COMBINATIONS, NEEDED, ROOT, ComposeError, merged

OURS = {"dagster": "grpc", "dagster_webserver": "webserver", "dagster_daemon": "daemon"}


@pytest.fixture(scope="module", params=COMBINATIONS)
def combination(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def services(combination: str) -> dict[str, Any]:
    return dict(merged(combination, NEEDED[combination])["services"])


def variables_in_instance_files() -> Iterator[str]:
    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if set(node) == {"env"}:
                yield node["env"]
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    yield from walk(yaml.safe_load((ROOT / "dagster_home/dagster.production.yaml").read_text()))
    yield from walk(yaml.safe_load((ROOT / "dagster_home/workspace.yaml").read_text()))


@pytest.mark.parametrize("service", OURS)
def test_every_service_starts_with_its_own_check(services: dict[str, Any], service: str) -> None:
    assert services[service]["command"] == ["python", "-m", "dagster_pipeline", "serve", OURS[service]]
    assert OURS[service] in SERVICES


@pytest.mark.parametrize("service", OURS)
def test_every_service_is_told_what_the_instance_files_name(
    services: dict[str, Any], service: str, combination: str
) -> None:
    told = {name for name, value in services[service]["environment"].items() if value is not None}
    missing = set(variables_in_instance_files()) - told
    if combination == "local-rds":  # NEEDED leaves the password out: it may come from a file
        missing -= {"DAGSTER_POSTGRES_PASSWORD"}
        assert "DAGSTER_POSTGRES_PASSWORD_FILE" in services[service]["environment"]
    assert not missing


def test_each_health_check_asks_its_own_service(services: dict[str, Any]) -> None:
    checks = {service: services[service]["healthcheck"] for service in OURS}
    assert "dagster api grpc-health-check" in checks["dagster"]["test"][1]
    assert "/server_info" in checks["dagster_webserver"]["test"][-1]
    compile(checks["dagster_webserver"]["test"][-1], "the webserver's check", "exec")
    assert checks["dagster_daemon"]["test"] == ["CMD", "dagster-daemon", "liveness-check"]
    assert all(check["start_period"] and check["interval"] and check["timeout"] for check in checks.values())


@pytest.mark.parametrize("service", OURS)
def test_no_service_can_change_its_own_file_system_or_gain_rights(
    services: dict[str, Any], service: str
) -> None:
    declared = services[service]
    assert declared["read_only"] is True
    assert declared["cap_drop"] == ["ALL"]
    assert declared["security_opt"] == ["no-new-privileges:true"]
    assert declared["tmpfs"][0].startswith("/tmp:")
    assert declared["init"] is True


def test_the_webserver_is_on_port_3004_of_this_machine_alone(services: dict[str, Any]) -> None:
    (port,) = services["dagster_webserver"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "3004", 3004)


def test_only_the_code_server_is_given_the_sources() -> None:
    services = merged("local", NEEDED["local"])["services"]
    base = yaml.safe_load((ROOT / "docker-compose-dagster.base.yml").read_text())["services"]
    assert [name for name in OURS if "env_file" in base[name]] == ["dagster"]
    assert services["dagster"]["environment"]["POSTGRES_URL"]


def test_every_image_has_a_version(services: dict[str, Any]) -> None:
    for name, declared in services.items():
        tag = declared["image"].rpartition("/")[2].partition(":")[2]
        assert tag, f"{name}: {declared['image']}"
        assert tag != "latest"


def test_whatever_a_service_waits_for_can_become_ready(services: dict[str, Any]) -> None:
    for declared in services.values():
        for name, condition in declared.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in services[name]


def test_production_restarts_is_bounded_rotates_its_logs_and_never_builds() -> None:
    services = merged("prod", NEEDED["prod"])["services"]
    assert set(services) == set(OURS)
    for declared in services.values():
        assert declared["restart"] == "unless-stopped"
        assert {"cpus", "memory", "pids"} <= set(declared["deploy"]["resources"]["limits"])
        assert {"max-size", "max-file"} <= set(declared["logging"]["options"])
        assert "build" not in declared


@pytest.mark.parametrize(
    ("combination", "variable"),
    [
        (name, variable)
        for name, needed in NEEDED.items()
        for variable in needed
        if "PASSWORD" not in variable
    ],
)
def test_a_variable_that_compose_needs_is_named_when_it_is_missing(combination: str, variable: str) -> None:
    needed = {name: value for name, value in NEEDED[combination].items() if name != variable}
    with pytest.raises(ComposeError, match=f"required variable {variable} is missing a value: the "):
        merged(combination, needed)


def test_local_loads_the_sample_data_that_there_is() -> None:
    document = merged("local", {})
    for config, databases in {
        "mysql_sample": ("amtdb", "sales_service"),
        "postgres_sample": ("fma", "sentinel"),
    }.items():
        script = document["configs"][config]["content"]
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)
        for database in databases:
            assert database in script
            assert {
                (ROOT / f"scripts/demo/sql/{database}.{part}.sql").is_file() for part in ("tables", "rows")
            } == {True}


def dockerfile_instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_is_pinned_has_no_compiler_and_no_root() -> None:
    instructions = dockerfile_instructions()
    first = [word for word, _ in instructions].index("FROM")
    image = next(rest for word, rest in instructions if word == "ARG" and rest.startswith("PYTHON_IMAGE="))
    assert "@sha256:" in image
    assert "-slim" in image
    assert [rest for word, rest in instructions if word == "FROM"] == [
        "${PYTHON_IMAGE} AS builder",
        "${PYTHON_IMAGE} AS runtime",
    ]
    assert [rest for word, rest in instructions if word == "USER"] == ["10001:10001"]
    final = instructions[[word for word, _ in instructions].index("FROM", 1 + first) :]
    assert not [rest for word, rest in final if word == "RUN" and ("apt" in rest or "gcc" in rest)]
    installs = [
        rest for word, rest in instructions if word == "RUN" and "--constraint constraints.txt" in rest
    ]
    assert len(installs) == 1
    assert "--only-binary :all:" in installs[0]
    health = next(rest for word, rest in instructions if word == "HEALTHCHECK")
    assert "dagster" in health
    assert "grpc-health-check" in health


def test_all_that_the_image_copies_passes_dockerignore_and_exists() -> None:
    allowed = {
        line[1:].rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = [
        word.replace("ym[l]", "yml")
        for instruction, rest in dockerfile_instructions()
        if instruction == "COPY" and "--from" not in rest
        for word in shlex.split(rest)[:-1]
    ]
    assert set(copied) == allowed
    assert all((ROOT / path).exists() for path in copied if path != "alerts.yml")
