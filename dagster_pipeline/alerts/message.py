"""A message as every channel can show it, and the outbox entry that carries it to one channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from dagster_pipeline.alerts.alert import Channel, Severity


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a message.

    Attributes:
        link: address behind the text; empty when there is none.
    """

    label: str
    text: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One trouble of a message, with its cure.

    Attributes:
        sentence: what is wrong.
        next_step: what to do; empty in good news.
        facts: what else helps.
        tables: with many tables, their names, each with a few words.
    """

    sentence: str
    next_step: str = ""
    facts: tuple[Fact, ...] = ()
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What people are told at once.

    Attributes:
        message_id: the same whenever and by whatever way this message is sent; people can tell a repetition by it.
        title: names the table or how many there are.
        notes: small print, e.g. that the other channel did not take it.
    """

    message_id: str
    severity: Severity
    title: str
    parts: tuple[Part, ...]
    made_at: datetime
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to one channel.

    Attributes:
        slack_channel, email_to: instead of the environment's; empty takes those.
        alone: the message goes to this channel only, so the other one may stand in for it.
    """

    message: Message
    channel: Channel
    slack_channel: str = ""
    email_to: tuple[str, ...] = field(default=())
    alone: bool = True
