"""`alert-test`: sends one message of each kind to every channel that is configured. Needs no Dagster and no state store."""

from __future__ import annotations

import argparse
import sys

from dagster_pipeline.alerts.alert_store import utc_now
from dagster_pipeline.alerts.channels import open_channels
from dagster_pipeline.alerts.message import Delivery
from dagster_pipeline.alerts.notifier import NotifierError
from dagster_pipeline.alerts.samples import sample_messages
from dagster_pipeline.commands.command import Command
from dagster_pipeline.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`alert-test` has no arguments: the environment says where messages go."""
    del parser


def run(_arguments: argparse.Namespace, settings: Settings) -> int:
    """Send and report; 0 when a channel is configured and every channel took every message."""
    channels = open_channels(settings.environment)
    for why in channels.off.values():
        sys.stderr.write(f"{why}\n")
    failed = 0
    for name, message in sample_messages(webserver=settings.webserver_url, now=utc_now()).items():
        for channel, notifier in channels.notifiers.items():
            try:
                notifier.send(Delivery(message, channel))
            except NotifierError as error:
                failed += 1
                sys.stderr.write(f"{name:<18}{channel:<8}NOT SENT: {error}\n")
            else:
                sys.stdout.write(f"{name:<18}{channel:<8}sent: {message.title}\n")
    return 1 if failed or not channels.notifiers else 0


COMMAND = Command(
    "alert-test", "Send one message of each kind to every configured channel.", add_arguments, run
)
