"""Values of the Helm chart, as far as they can be checked without Helm.

The names below are those that the chart allows, read from the source of its `values.schema.json` in dagster-io/dagster
(helm/dagster/schema, with concurrency.py of 7dade769) and written down here for the sections that our file uses; where the
chart itself allows any name, none is listed. What the chart makes of the values is not known here: the job `helm` of test.yml
renders them with Helm, which checks them against the chart's whole schema.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagster_pipeline.instance.run_coordinator import TaggingRunCoordinator

ROOT = Path(__file__).parents[3]
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "helm/values.yaml").read_text())
PRODUCTION: dict[str, Any] = yaml.safe_load((ROOT / "dagster_home/dagster.production.yaml").read_text())

_POD = "image env envConfigMaps envSecrets labels nodeSelector affinity tolerations podSecurityContext securityContext resources"
_PROBES = "readinessProbe livenessProbe startupProbe annotations schedulerName volumeMounts volumes"
ALLOWED = {
    "": "dagsterWebserver dagster-user-deployments postgresql generatePostgresqlPasswordSecret generateCeleryConfigSecret"
    " rabbitmq redis flower ingress imagePullSecrets computeLogManager scheduler runLauncher pythonLogs dagsterDaemon"
    " busybox migrate telemetry serviceAccount global retention additionalInstanceConfig",
    "global": "postgresqlSecretName dagsterHome serviceAccountName celeryConfigSecretName dagsterInstanceConfigMap",
    "telemetry": "enabled",
    "postgresql": "image enabled postgresqlHost postgresqlUsername postgresqlPassword postgresqlDatabase postgresqlParams"
    " postgresqlScheme service",
    "computeLogManager": "type config",
    "computeLogManager.config": "s3ComputeLogManager",
    "computeLogManager.config.s3ComputeLogManager": "bucket localDir prefix useSsl verify verifyCertPath endpointUrl"
    " skipEmptyFiles uploadInterval uploadExtraArgs showUrlOnly region",
    "dagsterWebserver": f"replicaCount nameOverride pathPrefix service workspace deploymentLabels enableReadOnly"
    f" dbStatementTimeout dbPoolRecycle logLevel {_POD} {_PROBES}",
    "dagsterDaemon": f"enabled runCoordinator heartbeatTolerance deploymentLabels runMonitoring runRetries sensors schedules"
    f" {_POD} {_PROBES}",
    "dagsterDaemon.runCoordinator": "enabled type config",
    "dagsterDaemon.runCoordinator.config": "queuedRunCoordinator customRunCoordinator",
    "dagsterDaemon.runCoordinator.config.customRunCoordinator": "module class config",
    "dagsterDaemon.runMonitoring": "enabled startTimeoutSeconds cancelTimeoutSeconds maxResumeRunAttempts"
    " pollIntervalSeconds freeSlotsAfterRunEndSeconds",
    "dagsterDaemon.runRetries": "enabled maxRetries",
    "dagsterDaemon.sensors": "useThreads numWorkers numSubmitWorkers",
    "dagsterDaemon.schedules": "useThreads numWorkers numSubmitWorkers",
    "runLauncher": "type config",
    "runLauncher.config": "celeryK8sRunLauncher k8sRunLauncher customRunLauncher",
    "runLauncher.config.k8sRunLauncher": "image imagePullPolicy jobNamespace loadInclusterConfig kubeconfigFile envConfigMaps"
    " envSecrets envVars volumeMounts volumes labels failPodOnRunFailure resources schedulerName securityContext runK8sConfig",
    "runLauncher.config.k8sRunLauncher.runK8sConfig": "containerConfig podSpecConfig podTemplateSpecMetadata jobSpecConfig"
    " jobMetadata",
    "dagster-user-deployments": "enabled enableSubchart imagePullSecrets deployments",
    "dagster-user-deployments.deployments": f"name dagsterApiGrpcArgs codeServerArgs includeConfigInLaunchedRuns port"
    f" {_POD} {_PROBES}",
    "retention": "enabled sensor schedule autoMaterialize",
    "retention.sensor.purgeAfterDays": "skipped success failure started",
}


def section(place: str) -> dict[str, Any]:
    """One section of our file; of a list, its only element."""
    found: Any = VALUES
    for name in place.split(".") if place else ():
        found = found[name]
    if isinstance(found, list):
        (found,) = found
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("place", ALLOWED)
def test_every_name_is_one_of_the_charts(place: str) -> None:
    assert set(section(place)) - set(ALLOWED[place].split()) == set()


def test_types_choose_what_is_configured() -> None:
    """The chart's schema demands the section that each `type` names."""
    for place, configured in (
        ("computeLogManager", "s3ComputeLogManager"),
        ("runLauncher", "k8sRunLauncher"),
        ("dagsterDaemon.runCoordinator", "customRunCoordinator"),
    ):
        chosen = section(place)["type"].replace("CustomRunCoordinator", "customRunCoordinator")
        assert chosen[0].lower() + chosen[1:] == configured
        assert configured in section(f"{place}.config")


def test_the_images_are_one_and_run_as_its_user() -> None:
    services = [
        section(place)
        for place in ("dagsterWebserver", "dagsterDaemon", "dagster-user-deployments.deployments")
    ]
    assert len({str(service["image"]) for service in services}) == 1
    user = int(re.search(r"^USER (\d+):", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1])  # type: ignore[index]
    users = {service["podSecurityContext"]["runAsUser"] for service in services}
    pod = section("runLauncher.config.k8sRunLauncher.runK8sConfig")["podSpecConfig"]
    assert users | {pod["security_context"]["run_as_user"]} == {user}


def test_it_agrees_with_the_production_instance() -> None:
    ours = VALUES["additionalInstanceConfig"]["concurrency"]
    assert ours["pools"] == PRODUCTION["concurrency"]["pools"]
    theirs = {limit["key"]: limit for limit in PRODUCTION["concurrency"]["runs"]["tag_concurrency_limits"]}
    for limit in ours["runs"]["tag_concurrency_limits"]:
        assert limit == theirs[limit["key"]]
    coordinator = section("dagsterDaemon.runCoordinator.config.customRunCoordinator")
    assert coordinator["module"] == TaggingRunCoordinator.__module__
    assert coordinator["class"] == TaggingRunCoordinator.__name__
    assert (
        VALUES["postgresql"]["postgresqlScheme"] == PRODUCTION["storage"]["postgres"]["postgres_db"]["scheme"]
    )


def test_no_secret_stands_in_it() -> None:
    assert "postgresqlPassword" not in VALUES["postgresql"]
    assert VALUES["generatePostgresqlPasswordSecret"] is False
    for place in ("runLauncher.config.k8sRunLauncher", "dagster-user-deployments.deployments"):
        assert section(place)["envSecrets"] == [{"name": "dagster-pipeline"}]
