"""Tells of one failing table after another in a process that a test can kill: `telling_process.py FACTS.json`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster_pipeline.alerts import alert_manager
from dagster_pipeline.alerts.alert import Alert, AlertKind, Severity
from dagster_pipeline.alerts.alert_store import AlertStore
from dagster_pipeline.alerts.channels import open_channels
from dagster_pipeline.alerts.rules import AlertRules
from dagster_pipeline.alerts.wording import Wording
from dagster_pipeline.database_url import DatabaseUrl

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


def main(facts: dict[str, str]) -> None:
    """Go on where an earlier process was killed; print `done` at the end."""
    alert_manager.CLAIM_SECONDS = 0.5  # a dead process's claim is to end within the test
    rules = AlertRules.model_validate({"storm": {"tables": 1000}, "routes": [{"send_to": ["email"]}]})
    notifiers = open_channels(facts).notifiers
    url = DatabaseUrl.parse(facts["state"], variable="STATE_URL", schemes=())
    with AlertStore(url) as store:
        manager = alert_manager.AlertManager(store, rules, tables={}, wording=Wording({}))
        for number in range(int(facts["tables"])):
            before = store.mark("test")
            if int(before or 0) <= number:
                alert = Alert(
                    AlertKind.RUN_FAILURE,
                    Severity.ERROR,
                    f"shop/t{number}",
                    "It fails.",
                    "It fails.",
                    "Mend it.",
                    BEGIN + timedelta(seconds=number),
                )
                manager.take("test", before=before, after=str(number + 1), observations=[alert])
            manager.plan()
            manager.deliver(notifiers, seconds=5)
        while store.claim("is anything left", seconds=0) is not None:
            manager.deliver(notifiers, seconds=5)
    print("done")  # noqa: T201 -- the answer to the test


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
