"""Which channels there are, from the environment. A channel without settings is off, and says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_pipeline.alerts.alert import Channel
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from dagster_pipeline.alerts.notifier import Notifier


@dataclass(frozen=True, slots=True)
class Channels:
    """What can be used.

    Attributes:
        notifiers: by channel; only those that are on.
        off: why the others are off, a sentence each.
    """

    notifiers: Mapping[Channel, Notifier]
    off: Mapping[Channel, str]


def open_channels(environment: Mapping[str, str]) -> Channels:
    """The channels that these variables configure. Nothing is connected, nothing is raised."""
    openers, off = _configured(environment)
    return Channels({channel: build() for channel, build in openers.items()}, off)


def any_is_on(environment: Mapping[str, str]) -> bool:
    """Whether some channel is configured."""
    return bool(_configured(environment)[0])


def _configured(
    environment: Mapping[str, str],
) -> tuple[dict[Channel, Callable[[], Notifier]], dict[Channel, str]]:
    """What builds each channel that is on, and why the others are off."""
    on: dict[Channel, Callable[[], Notifier]] = {}
    off: dict[Channel, str] = {}
    for channel, judge in ((Channel.SLACK, _slack), (Channel.EMAIL, _email)):
        try:
            on[channel] = judge(environment)
        except ConfigurationError as error:
            off[channel] = str(error)
    return on, off


def _slack(environment: Mapping[str, str]) -> Callable[[], Notifier]:
    token, channel = environment.get("SLACK_BOT_TOKEN"), environment.get("SLACK_CHANNEL")
    if token and channel:
        return lambda: _slack_bot(token, channel, environment.get("SLACK_API_URL", ""))
    if webhook := environment.get("SLACK_WEBHOOK_URL"):
        if not webhook.startswith(("https://", "http://")):
            raise ConfigurationError(
                "Slack is off: SLACK_WEBHOOK_URL is no address.", todo="Write https://..."
            )
        return lambda: _slack_webhook(webhook)
    missing = "SLACK_CHANNEL" if token else "SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_CHANNEL"
    raise ConfigurationError(f"Slack is off; not set: {missing}.")


def _email(environment: Mapping[str, str]) -> Callable[[], Notifier]:
    names = ("SMTP_URL", "ALERT_EMAIL_FROM", "ALERT_EMAIL_TO")
    if missing := [name for name in names if not environment.get(name)]:
        raise ConfigurationError(f"E-mail is off; not set: {', '.join(missing)}.")
    url, sender, to = (environment[name] for name in names)
    recipients = tuple(address.strip() for address in to.split(",") if address.strip())
    for address in (sender, *recipients):
        if address.count("@") != 1 or any(letter.isspace() for letter in address):
            raise ConfigurationError(
                f"E-mail is off: '{address}' is no address.",
                todo="Correct ALERT_EMAIL_FROM or ALERT_EMAIL_TO.",
            )
    parsed = DatabaseUrl.parse(url, variable="SMTP_URL", schemes=("smtp", "smtps"))
    if not parsed.host:
        raise ConfigurationError(
            "E-mail is off: SMTP_URL names no host.", todo="Write smtp://user:password@host:587."
        )
    return lambda: _email_notifier(parsed, sender, recipients)


def _slack_bot(token: str, channel: str, api_url: str) -> Notifier:
    from dagster_pipeline.alerts.slack_alerts import SlackBotNotifier

    return SlackBotNotifier(token, channel=channel, api_url=api_url)


def _slack_webhook(url: str) -> Notifier:
    from dagster_pipeline.alerts.slack_alerts import SlackWebhookNotifier

    return SlackWebhookNotifier(url)


def _email_notifier(url: DatabaseUrl, sender: str, recipients: tuple[str, ...]) -> Notifier:
    from dagster_pipeline.alerts.email_alerts import EmailNotifier

    return EmailNotifier(url, sender=sender, recipients=recipients)
