"""A process that tells of failing tables is killed again and again, wherever it stands: each is told, and told once."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagster_pipeline.alerts.alert import Alert, AlertKind, Severity
from dagster_pipeline.alerts.alert_manager import AlertManager
from dagster_pipeline.alerts.alert_store import AlertStore
from dagster_pipeline.alerts.rules import AlertRules
from dagster_pipeline.alerts.wording import Wording
from dagster_pipeline.database_url import DatabaseUrl
from scripts.servers.server import Server
from tests.alert_servers.mail import Mailbox, running_mail

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("telling_process.py")
TABLES, KILLS = 30, 4


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with running_mail() as mailbox:
        yield mailbox


@pytest.fixture(params=["sqlite", "postgres"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.sqlite"
    server: Server = request.getfixturevalue("postgres_server")
    return server.create_database(f"alerts_{time.time_ns()}")


def test_a_process_killed_anywhere_loses_no_alert_and_marks_what_it_may_have_sent(
    mail: Mailbox, tmp_path: Path
) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(
        json.dumps(
            {
                "state": f"sqlite:///{tmp_path}/state.sqlite",
                "tables": str(TABLES),
                "SMTP_URL": mail.url,
                "ALERT_EMAIL_FROM": "a@example.com",
                "ALERT_EMAIL_TO": "b@example.com",
            }
        )
    )
    chance = random.Random(6)
    kills = 0
    while kills <= KILLS:
        seen = len(mail.messages)
        process = subprocess.Popen(
            [sys.executable, str(WORKER), str(facts)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        # Killed a moment after it sent some, at a point of its work that nobody chose; the last one may finish.
        wanted = seen + chance.randint(1, 6)
        while process.poll() is None and (len(mail.messages) < wanted or kills == KILLS):
            time.sleep(0.002)
        time.sleep(chance.random() * 0.02)
        finished = process.poll() is not None
        process.kill()
        said = process.communicate()[0]
        if finished:
            assert said == "done\n"
            break
        kills += 1
    assert kills == KILLS
    titles = Counter(subject.partition("] ")[2] for subject in mail.subjects)
    assert set(titles) == {f"shop/t{number}: run failed" for number in range(TABLES)}
    seen_ids: set[str] = set()
    for message in mail.messages:
        text = message.get_body(("plain",))
        assert text is not None
        repeated = "This may be a repetition" in text.get_content()
        assert repeated or message["Message-ID"] not in seen_ids, "a repetition that does not say so"
        seen_ids.add(message["Message-ID"])
    assert titles.total() - TABLES <= kills, "each kill repeats one message at most"


def test_of_many_processes_at_once_one_takes_and_each_message_has_one_sender(state_url: str) -> None:
    url = DatabaseUrl.parse(state_url, variable="STATE_URL", schemes=())
    rules = AlertRules.model_validate({"storm": {"tables": 1000}, "routes": [{"send_to": ["email"]}]})
    now = datetime.now(UTC)
    alerts = [
        Alert(AlertKind.RUN_FAILURE, Severity.ERROR, f"shop/t{number}", "c", "s", "n", now)
        for number in range(20)
    ]
    taken: list[bool] = []
    claimed: list[str] = []
    with AlertStore(url) as store:
        assert store.mark("runs") is None  # the tables exist before the race begins
    starts = threading.Barrier(4)

    def race() -> None:
        with AlertStore(url) as store:
            manager = AlertManager(store, rules, tables={}, wording=Wording({}))
            starts.wait()
            taken.append(manager.take("runs", before=None, after="1", observations=alerts))
            manager.plan()
            starts.wait()
            while (one := store.claim(threading.current_thread().name, seconds=60)) is not None:
                claimed.append(one.delivery.message.title)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, False, True]
    assert sorted(claimed) == sorted(f"shop/t{number}: run failed" for number in range(20))
