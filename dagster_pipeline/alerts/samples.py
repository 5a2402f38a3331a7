"""One message of each kind, to see what they look like and whether they arrive. Nothing of it happened. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dagster_pipeline.alerts.alert import Alert, AlertKind, Channel, Severity
from dagster_pipeline.alerts.incident import Incident, Pending, Reason
from dagster_pipeline.alerts.message import Message
from dagster_pipeline.alerts.planner import plan
from dagster_pipeline.alerts.rules import AlertRules
from dagster_pipeline.alerts.watched_table import WatchedTable, by_name
from dagster_pipeline.alerts.wording import Wording

_NOTE = "This is a test by `make alert-test`; nothing is wrong."
_TABLE = WatchedTable("shop/orders", owners=("team:shop",), group="shop")
_TEXTS: dict[AlertKind, tuple[Severity, str, str]] = {
    AlertKind.RUN_FAILURE: (
        Severity.ERROR,
        "mysql://reader@mysql.example.com:3306/shop does not answer.",
        "If it stays so, check host and port in MYSQL_SHOP_URL.",
    ),
    AlertKind.FAILED_CHECK: (
        Severity.WARNING,
        "Check unique_id failed: 3 value(s) of id more than once.",
        "Run the check's query, which stands in its result in Dagster, and compare the rows with the source.",
    ),
    AlertKind.ERRORED_CHECK: (
        Severity.ERROR,
        "Check unique_id could not be made: the query names a column that does not exist.",
        "Mend the check's query in the table file.",
    ),
    AlertKind.LATE: (
        Severity.ERROR,
        "Its last success was 1h10m ago; freshness allows 30m.",
        "See why it was not loaded: is its schedule on, does the daemon run, does a run wait in the queue or hang?",
    ),
    AlertKind.SCHEMA_DRIFT: (
        Severity.WARNING,
        "The source also has column 'nickname' (varchar(20)); it was added. Name it in the file.",
        "Change schemas/mysql/shop/orders.yml to what the source has, or the source back.",
    ),
}


def sample_messages(*, webserver: str, now: datetime) -> dict[str, Message]:
    """A message of each kind, and a digest, by what they show."""
    failure = _incident(AlertKind.RUN_FAILURE, now)
    shown: dict[str, list[Incident]] = {kind.value: [_incident(kind, now)] for kind in _TEXTS}
    shown["repeated_failure"] = [_with(failure, Reason.REPEATED, times=3)]
    shown["escalation"] = [_with(failure, Reason.ESCALATION)]
    shown["recovery"] = [replace(_with(failure, Reason.RECOVERY), cleared_at=now, told_routes=(0,))]
    shown["storm"] = [_of_table(failure, f"shop/table_{number}") for number in range(50)]
    messages = {}
    for name, incidents in shown.items():
        rules = AlertRules.model_validate(
            {"routes": [{"send_to": ["slack"]}], "escalate": {"after": "1d", "send_to": ["slack"]}}
        )
        planned = plan(
            {incident.key: incident for incident in incidents},
            {},
            rules=rules,
            tables=by_name([_TABLE]),
            wording=Wording(by_name([_TABLE]), webserver=webserver),
            now=now,
        )
        message = next(each.message for each in planned.deliveries if each.channel is Channel.SLACK)
        messages[name] = replace(message, notes=(_NOTE,), title=f"Test: {message.title}")
    return messages


def _incident(kind: AlertKind, now: datetime) -> Incident:
    severity, sentence, todo = _TEXTS[kind]
    alert = Alert(
        kind,
        severity,
        _TABLE.name,
        sentence,
        sentence,
        todo,
        now,
        scope="unique_id" if kind in {AlertKind.FAILED_CHECK, AlertKind.ERRORED_CHECK} else "",
        run_id="00000000-0000-4000-8000-000000000000",
        last_success=now - timedelta(minutes=70),
    )
    return Incident(alert, now - timedelta(hours=2), 3, pending=(Pending(Reason.NEW, now, alert),))


def _with(incident: Incident, reason: Reason, *, times: int = 3) -> Incident:
    (pending,) = incident.pending
    return replace(incident, pending=(replace(pending, reason=reason, times=times),))


def _of_table(incident: Incident, table: str) -> Incident:
    alert = replace(incident.alert, table=table)
    return replace(incident, alert=alert, pending=(replace(incident.pending[0], alert=alert),))
