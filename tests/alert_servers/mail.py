"""A real SMTP server (aiosmtpd) on 127.0.0.1 that keeps what it gets."""

from __future__ import annotations

import email
import email.policy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from scripts.servers.process import free_port

USER, PASSWORD = "mailer", "known-smtp-password"


@dataclass
class Mailbox:
    """What arrived, and what is refused.

    Attributes:
        times: when they arrived, in seconds since 1970.
        refused: recipients that the server does not know.
        broken: it answers every message with an error.
    """

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    broken: bool = False

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def url_with_password(self) -> str:
        return f"smtp://{USER}:{PASSWORD}@127.0.0.1:{self.port}"

    @property
    def subjects(self) -> list[str]:
        return [str(message["Subject"]) for message in self.messages]

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd asks for this name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 -- aiosmtpd asks for this name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        if self.broken:
            return "451 try again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append(cast("EmailMessage", message))
        self.recipients.append(list(envelope.rcpt_tos))
        self.times.append(time.time())
        return "250 OK"


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


@contextmanager
def running_mail() -> Iterator[Mailbox]:
    """The server, on a free port."""
    mailbox = Mailbox(port=free_port())
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=mailbox.port,
        authenticator=_authenticate,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
