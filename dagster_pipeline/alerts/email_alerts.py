"""Alerts by e-mail: HTML with the same as text, sent by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from dagster_pipeline.alerts.alert import Severity
from dagster_pipeline.alerts.message import Delivery, Fact, Message, Part
from dagster_pipeline.alerts.notifier import Notifier, NotifierError
from dagster_pipeline.alerts.wording import shortened
from dagster_pipeline.database_url import DatabaseUrl

TIMEOUT_SECONDS = 10
_SUBMISSION, _IMPLICIT_TLS = 587, 465
_COLOURS = {
    Severity.INFO: "#2e7d32",
    Severity.WARNING: "#f9a825",
    Severity.ERROR: "#c62828",
    Severity.CRITICAL: "#6a1b9a",
}


class EmailNotifier(Notifier):
    """Sends by one SMTP server.

    Args:
        url: `smtp://user:password@host:587` (STARTTLS when the server has it; a password needs it), `smtps://` for TLS
            from the start. `?tls=none` allows a password without TLS.
        sender: address in From.
        recipients: addresses of messages that name no others.
    """

    def __init__(self, url: DatabaseUrl, *, sender: str, recipients: tuple[str, ...]) -> None:
        self._url = url
        self._sender = sender
        self._recipients = recipients

    def send(self, delivery: Delivery) -> None:
        """See `Notifier.send`."""
        recipients = delivery.email_to or self._recipients
        try:
            with self._connect() as server:
                self._sign_in(server)
                server.send_message(as_email(delivery.message, sender=self._sender, recipients=recipients))
        except smtplib.SMTPRecipientsRefused as error:
            raise self._error(f"refused every recipient ({_code(error)})", "Check ALERT_EMAIL_TO.") from None
        except smtplib.SMTPAuthenticationError as error:
            raise self._error(f"refused user and password ({error.smtp_code})", "Check SMTP_URL.") from None
        except smtplib.SMTPResponseException as error:
            raise self._error(f"refused the message ({error.smtp_code})", "See its log.") from None
        except (smtplib.SMTPException, OSError) as error:
            raise self._error(f"does not answer ({type(error).__name__})", "Check SMTP_URL.") from None

    def _connect(self) -> smtplib.SMTP:
        host, port = self._url.host, self._url.port
        if self._url.scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port or _IMPLICIT_TLS, timeout=TIMEOUT_SECONDS, context=context)
        return smtplib.SMTP(host, port or _SUBMISSION, timeout=TIMEOUT_SECONDS)

    def _sign_in(self, server: smtplib.SMTP) -> None:
        server.ehlo()
        unprotected = self._url.scheme == "smtp"
        if unprotected and self._url.options.get("tls") != "none" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
            unprotected = False
        if not self._url.user:
            return
        if unprotected and self._url.options.get("tls") != "none":
            raise self._error(
                "offers no TLS, and the password is not sent without", "Use smtps://, or add ?tls=none."
            )
        server.login(self._url.user, self._url.password)

    def _error(self, what: str, todo: str) -> NotifierError:
        return NotifierError(f"The mail server {self._url.host} {what}.", todo=todo)


def as_email(message: Message, *, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The message for a mail program.

    Its Message-ID stays the same when it is sent again, which lets servers and programs drop a repetition
    (rfc-editor.org/rfc/rfc5322#section-3.6.4).
    """
    email = EmailMessage()
    email["Subject"] = shortened(f"[{message.severity}] {message.title}", 200)
    email["From"] = sender
    email["To"] = ", ".join(recipients)
    email["Date"] = format_datetime(message.made_at)
    email["Message-ID"] = f"<{message.message_id}@{Address(addr_spec=sender).domain or 'dagster-pipeline'}>"
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(as_text(message))
    email.add_alternative(as_html(message), subtype="html")
    return email


def as_text(message: Message) -> str:
    """The message as plain text."""
    lines = [message.title, ""]
    for part in message.parts:
        lines += [part.sentence, *(f"  - {table}" for table in part.tables)]
        if part.next_step:
            lines += ["", f"What to do: {part.next_step}"]
        lines += ["", *(f"{fact.label}: {_fact_text(fact)}" for fact in part.facts), ""]
    return "\n".join([*lines, *message.notes, f"{message.severity} {message.message_id}", ""])


def as_html(message: Message) -> str:
    """The message as HTML that mail programs show: one column, inline styles."""
    parts = "".join(map(_part_html, message.parts))
    small = escape(" · ".join([*message.notes, message.severity, message.message_id]))
    return (
        '<html><body style="font-family:sans-serif;max-width:44em">'
        f'<h2 style="border-left:6px solid {_COLOURS[message.severity]};padding-left:10px">{escape(message.title)}</h2>'
        f'{parts}<p style="color:#777;font-size:small">{small}</p></body></html>'
    )


def _part_html(part: Part) -> str:
    tables = "".join(f"<li>{escape(table)}</li>" for table in part.tables)
    todo = f"<p><b>What to do:</b> {escape(part.next_step)}</p>" if part.next_step else ""
    facts = "".join(
        f'<tr><td style="padding-right:1em;color:#777">{escape(fact.label)}</td><td>{_fact_html(fact)}</td></tr>'
        for fact in part.facts
    )
    listed = f"<ul>{tables}</ul>" if tables else ""
    return f"<p>{escape(part.sentence)}</p>{listed}{todo}<table>{facts}</table>"


def _fact_text(fact: Fact) -> str:
    return f"{fact.text}  {fact.link}" if fact.link else fact.text


def _fact_html(fact: Fact) -> str:
    text = escape(fact.text)
    return f'<a href="{escape(fact.link)}">{text}</a>' if fact.link else text


def _code(error: smtplib.SMTPRecipientsRefused) -> str:
    return ", ".join(sorted({str(code) for code, _ in error.recipients.values()}))
