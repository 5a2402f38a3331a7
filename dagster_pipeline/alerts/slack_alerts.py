"""Alerts in Slack: a message as Block Kit, sent by an incoming webhook or by a bot.

Repeating what a retry can mend is slack-sdk's own work (slack.dev/python-slack-sdk, "Retry handler"); what it gives up stays
in the outbox. Limits of blocks: docs.slack.dev/reference/block-kit/blocks.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry import (
    ConnectionErrorRetryHandler,
    HttpRequest,
    HttpResponse,
    RateLimitErrorRetryHandler,
    RetryHandler,
    RetryState,
)
from slack_sdk.http_retry.builtin_handlers import ServerErrorRetryHandler
from slack_sdk.webhook import WebhookClient

from dagster_pipeline.alerts.alert import Severity
from dagster_pipeline.alerts.message import Delivery, Fact, Message, Part
from dagster_pipeline.alerts.notifier import Notifier, NotifierError
from dagster_pipeline.alerts.wording import shortened

TIMEOUT_SECONDS = 5
LONGEST_HEADER = 150
LONGEST_TEXT = 2_900  # of 3,000 that a text object may have
MOST_PARTS = 8  # at most four blocks each, of 50 that a message may have
MOST_PATIENT_SECONDS = 3
_OK = 200
_TOO_MANY = 429
_MARKS = {
    Severity.INFO: ":large_green_circle:",
    Severity.WARNING: ":large_yellow_circle:",
    Severity.ERROR: ":red_circle:",
    Severity.CRITICAL: ":rotating_light:",
}
# The SDK writes the webhook's address, which is a secret, at the debug level of the logger that it is given.
_SILENT = logging.getLogger(f"{__name__}.sdk")
_SILENT.setLevel(logging.CRITICAL)


class _ShortRateLimit(RateLimitErrorRetryHandler):
    """Waits out a short limit; a long one would hold the tick up, and the outbox is more patient."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        limited = super()._can_retry(state=state, request=request, response=response, error=error)
        return limited and _asked_seconds(response.headers if response else {}) <= MOST_PATIENT_SECONDS


def _retry_handlers() -> list[RetryHandler]:
    return [ConnectionErrorRetryHandler(), _ShortRateLimit(), ServerErrorRetryHandler()]


class SlackWebhookNotifier(Notifier):
    """Sends by an incoming webhook, whose address names the channel.

    Args:
        url: the webhook; a secret.
    """

    def __init__(self, url: str) -> None:
        self._client = WebhookClient(
            url, timeout=TIMEOUT_SECONDS, retry_handlers=_retry_handlers(), logger=_SILENT
        )

    def send(self, delivery: Delivery) -> None:
        """See `Notifier.send`."""
        try:
            answer = self._client.send(text=delivery.message.title, blocks=blocks(delivery.message))
        except (URLError, OSError, SlackClientError, ValueError) as error:
            raise _unreachable(error) from None
        if answer.status_code != _OK:
            raise _refused(f"HTTP {answer.status_code}: {answer.body[:100]}", dict(answer.headers))


class SlackBotNotifier(Notifier):
    """Sends as a bot, to any channel that it was invited to.

    Args:
        token: the bot's; a secret.
        channel: where messages go that name no other.
        api_url: another address of Slack's API, e.g. of a proxy.
    """

    def __init__(self, token: str, *, channel: str, api_url: str = "") -> None:
        options: dict[str, Any] = {"base_url": api_url} if api_url else {}
        self._channel = channel
        self._client = WebClient(
            token, timeout=TIMEOUT_SECONDS, retry_handlers=_retry_handlers(), logger=_SILENT, **options
        )

    def send(self, delivery: Delivery) -> None:
        """See `Notifier.send`."""
        try:
            self._client.chat_postMessage(
                channel=delivery.slack_channel or self._channel,
                text=delivery.message.title,
                blocks=blocks(delivery.message),
                unfurl_links=False,
                metadata={
                    "event_type": "dagster_pipeline_alert",
                    "event_payload": {"message_id": delivery.message.message_id},
                },
            )
        except SlackApiError as error:
            code = error.response.get("error", "no reason given")
            raise _refused(str(code), dict(error.response.headers)) from None
        except (URLError, OSError, SlackClientError, ValueError) as error:
            raise _unreachable(error) from None


def blocks(message: Message) -> list[dict[str, Any]]:
    """A message as Block Kit."""
    shown = [_header(message)]
    for part in message.parts[:MOST_PARTS]:
        shown += _part(part)
    if len(message.parts) > MOST_PARTS:
        shown.append(_section(f"_and {len(message.parts) - MOST_PARTS} other causes_"))
    small = [*message.notes, f"{message.severity} · {message.message_id}"]
    shown.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _escaped(" · ".join(small))}]})
    return shown


def _header(message: Message) -> dict[str, Any]:
    text = shortened(f"{_MARKS[message.severity]} {message.title}", LONGEST_HEADER)
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def _part(part: Part) -> list[dict[str, Any]]:
    shown = [_section(_escaped(part.sentence))]
    if part.tables:
        shown.append(_section("\n".join(f"• {_escaped(table)}" for table in part.tables)))
    if part.next_step:
        shown.append(_section(f"*What to do:* {_escaped(part.next_step)}"))
    if part.facts:
        fields = [
            {"type": "mrkdwn", "text": f"*{_escaped(fact.label)}*\n{_fact(fact)}"} for fact in part.facts
        ]
        shown.append({"type": "section", "fields": fields})
    return shown


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": shortened(text, LONGEST_TEXT)}}


def _fact(fact: Fact) -> str:
    return f"<{fact.link}|{_escaped(fact.text)}>" if fact.link else _escaped(fact.text)


def _escaped(text: str) -> str:
    """Slack's three control characters (docs.slack.dev/messaging/formatting-message-text, "Escaping text")."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _asked_seconds(headers: dict[str, Any]) -> float:
    for name, value in headers.items():
        if name.lower() == "retry-after":
            first = value[0] if isinstance(value, list) else value
            return float(first) if str(first).isdigit() else 0.0
    return 0.0


def _refused(reason: str, headers: dict[str, Any]) -> NotifierError:
    return NotifierError(
        f"Slack did not take the message ({reason}).",
        todo="Check the webhook or the bot's token, its scope chat:write, and that it is in the channel.",
        wait_seconds=_asked_seconds(headers),
    )


def _unreachable(error: Exception) -> NotifierError:
    reason = getattr(error, "reason", None) or error
    return NotifierError(
        f"Slack does not answer ({type(reason).__name__}).", todo="Check the way from here to Slack."
    )
