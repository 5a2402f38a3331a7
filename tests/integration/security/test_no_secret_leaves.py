"""Runs that fail in every way, with known secrets: no byte of all that they leave behind holds one of them.

Two real processes as a shell starts them, the alerts about them, and the commands that an operator runs next.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psycopg2
import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.alerts.sensors import alert_bundle
from dagster_pipeline.schema_tree import load_tables
from dagster_pipeline.settings import Settings
from scripts.servers.server import Server
from tests.alert_servers.slack import WEBHOOK, running_slack

ROOT = Path(__file__).parents[3]
SPELLED = {
    "source": "Quartz%2F81-heron",
    "unreachable": "Walnut%2142+otter",
    "warehouse": "Falcon%3A19~reed",
    "state": "Copper%2773-lynx",
    "mail": "Saffron%2555-mole",
}
"""Passwords as they stand in addresses."""
MASK_KEY = "granite-lantern-4471"
SECRETS = (
    *SPELLED.values(),
    "Quartz/81-heron",
    "Walnut!42+otter",
    "Falcon:19~reed",
    "Copper'73-lynx",
    "Saffron%55-mole",
    MASK_KEY,
    WEBHOOK.rpartition("/")[2],
)
INSTANCE = """
telemetry: {enabled: false}
python_logs:
  dagster_handler_config:
    handlers: {json: {class: logging.StreamHandler, level: INFO, formatter: json}}
    formatters: {json: {class: dagster_pipeline.logs.json_lines.JsonLines}}
"""
FILE = """
version: 1
freshness: 1h
retries: {max: 0}
sync: {mode: full}
"""
ID = "columns: [{name: id, type: integer, primary_key: true}]\n"
TABLES = {
    "postgres/shut/orders.yml": FILE + ID,
    "postgres/open/divided.yml": FILE
    + 'source: {where: "1 / (id - id) = 1"}\n'
    + "columns: [{name: id, type: integer, primary_key: true}, {name: email, type: text, mask: hmac_sha256}]\n",
    "mysql/gone/people.yml": FILE + ID.replace("integer", "int"),
}

Run = Callable[..., str]


@pytest.fixture
def house(tmp_path: Path, postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three tables, each of which fails in its own way, and an instance that logs JSON."""
    url = postgres_server.create_database("open")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE divided (id integer PRIMARY KEY, email text NOT NULL)")
        cursor.execute("INSERT INTO divided VALUES (1, 'a@example.com')")
    for path, text in TABLES.items():
        file = tmp_path / "schemas" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(INSTANCE)
    host = postgres_server.url.rpartition("@")[2].partition("/")[0]
    for name in [name for name in os.environ if name.endswith(("_URL", "_TOKEN"))]:
        monkeypatch.delenv(name)
    variables = {
        "SCHEMAS_DIR": tmp_path / "schemas",
        "DAGSTER_HOME": home,
        "ALERTS_FILE": tmp_path / "alerts.yml",
        "POSTGRES_OPEN_URL": url,
        "POSTGRES_SHUT_URL": f"postgresql://postgres:{SPELLED['source']}@{host}/shut",
        "MYSQL_GONE_URL": f"mysql://reader:{SPELLED['unreachable']}@127.0.0.1:1/gone",
        "CLICKHOUSE_URL": f"chdb://{tmp_path}/warehouse",
        "STATE_URL": f"sqlite:///{tmp_path}/home/state.sqlite",
        "MASK_KEY": MASK_KEY,
        "SMTP_URL": f"smtp://mailer:{SPELLED['mail']}@127.0.0.1:1",
        "ALERT_EMAIL_FROM": "pipeline@example.com",
        "ALERT_EMAIL_TO": "team@example.com",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    return tmp_path


def failing_run(house: Path, name: str) -> str:
    """Materialize everything in a process of its own; what it wrote, which must hold no secret."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "dagster",
            "asset",
            "materialize",
            "-m",
            "dagster_pipeline.definitions",
            "--select",
            "*",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode != 0
    (house / f"{name}.stdout").write_text(done.stdout)
    (house / f"{name}.stderr").write_text(done.stderr)
    return done.stdout + done.stderr


def told_by_alerts(house: Path) -> None:
    """Every sensor's tick over the runs; Slack takes its messages, the mail server is out of reach."""
    settings = Settings.from_environment()
    told = []
    with dg.DagsterInstance.from_config(str(house / "home")) as instance:
        for sensor in alert_bundle(load_tables(settings), settings).sensors:
            with dg.build_sensor_context(instance=instance) as context:
                told.append(str(sensor.evaluate_tick(context).skip_message))
    (house / "ticks").write_text("\n".join(told))


def holders(house: Path) -> list[tuple[Path, str]]:
    """Files that hold a secret, whatever wrote them."""
    return [
        (path, secret)
        for path in house.rglob("*")
        if path.is_file()
        for secret in SECRETS
        if secret.encode() in path.read_bytes()
    ]


def test_no_secret_leaves_a_failing_run(
    house: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with running_slack() as slack:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", slack.webhook_url)
        said = failing_run(house, "sources")
        for failure in ("password authentication failed", "division by zero", "Can't connect to MySQL"):
            assert failure in said, failure  # each of them really happened
        monkeypatch.setenv("CLICKHOUSE_URL", f"http://pipeline:{SPELLED['warehouse']}@127.0.0.1:1/")
        assert "does not answer" in failing_run(house, "warehouse")
        told_by_alerts(house)
        (house / "slack.json").write_text(json.dumps(slack.posts))

    monkeypatch.setenv(
        "STATE_URL", os.environ["POSTGRES_SHUT_URL"].replace(SPELLED["source"], SPELLED["state"])
    )
    assert main(["state", "list"]) == 1
    assert main(["doctor", "--timeout", "30"]) == 1
    assert main(["reconcile", "shut/orders"]) == 1
    (house / "commands").write_text("".join(capfd.readouterr()))

    assert holders(house) == []
    everything = {path.name: path.read_bytes() for path in house.rglob("*") if path.is_file()}
    assert b"shut/orders" in everything["slack.json"]  # what was searched is what people see
    assert b"password authentication failed" in everything["commands"]
    assert any(b"division by zero" in content for name, content in everything.items() if name.endswith(".db"))
    lines = [
        line for line in everything["sources.stderr"].decode().splitlines() if line.startswith('{"time"')
    ]
    assert any(json.loads(line).get("step") for line in lines)
