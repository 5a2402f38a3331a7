"""A code location of two tables over a real PostgreSQL whose line can be cut, with both alert channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from dagster_pipeline.database_url import DatabaseUrl
from scripts.servers.server import Server
from tests.alert_servers.mail import Mailbox, running_mail
from tests.alert_servers.slack import FakeSlack, running_slack
from tests.e2e.stack import Stack
from tests.faults.tcp_proxy import TcpProxy

TABLE = """
version: 1
owners: ["team:shop"]
{schedule}
retries: {{max: 1, delay: 1s}}
sync: {{mode: full}}
columns:
  - {{name: id, type: bigint, primary_key: true}}
  - {{name: note, type: text}}
"""
KNOWN_VALUE = "row-value-that-no-message-may-hold"
ALERTS = """
version: 1
repeated_failures: 2
routes:
  - send_to: [slack, email]
"""


@dataclass
class Shop:
    """Everything at once.

    Attributes:
        line: to the source; while it is cut, runs fail.
        passwords: texts that may be in no message.
    """

    stack: Stack
    slack: FakeSlack
    mail: Mailbox
    line: TcpProxy
    passwords: tuple[str, ...]


@pytest.fixture
def scheduled() -> bool:
    """The tables have a schedule, every minute."""
    return False


@pytest.fixture
def shop(postgres_server: Server, tmp_path: Path, scheduled: bool) -> Iterator[Shop]:
    source = postgres_server.create_database("shop")
    with psycopg2.connect(source) as connection, connection.cursor() as cursor:
        for table in ("orders", "customers"):
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            cursor.execute(f"CREATE TABLE {table} (id bigint PRIMARY KEY, note text NOT NULL)")
            cursor.execute(f"INSERT INTO {table} VALUES (1, %s)", [KNOWN_VALUE])
    folder = tmp_path / "schemas/postgres/shop"
    folder.mkdir(parents=True)
    for table in ("orders", "customers"):
        schedule = 'schedule: "* * * * *"' if scheduled and table == "orders" else ""
        (folder / f"{table}.yml").write_text(TABLE.format(schedule=schedule))
    (tmp_path / "alerts.yml").write_text(ALERTS)
    url = DatabaseUrl.parse(source, variable="SOURCE", schemes=())
    with running_slack() as slack, running_mail() as mail, TcpProxy(url.host, url.port or 5432) as line:
        line.cut()
        password = f":{url.password}" if url.password else ":known-source-password"
        stack = Stack(
            tmp_path,
            {
                "SCHEMAS_DIR": str(tmp_path / "schemas"),
                "ALERTS_FILE": str(tmp_path / "alerts.yml"),
                "CLICKHOUSE_URL": f"chdb://{tmp_path / 'warehouse'}",
                "POSTGRES_SHOP_URL": f"postgresql://{url.user}{password}@127.0.0.1:{line.port}/{url.database}",
                "SLACK_WEBHOOK_URL": slack.webhook_url,
                "SMTP_URL": f"{mail.url}?tls=none",
                "ALERT_EMAIL_FROM": "pipeline@example.com",
                "ALERT_EMAIL_TO": "night@example.com",
                "SCHEDULES_DEFAULT_STATUS": "running",
            },
        )
        try:
            yield Shop(stack, slack, mail, line, (password[1:], slack.webhook_url, KNOWN_VALUE))
        finally:
            stack.close()
