"""What both channels promise, against a real SMTP server and a local server that speaks Slack's API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dagster_pipeline.__main__ import main
from dagster_pipeline.alerts import slack_alerts
from dagster_pipeline.alerts.alert import Channel
from dagster_pipeline.alerts.channels import open_channels
from dagster_pipeline.alerts.email_alerts import as_html, as_text
from dagster_pipeline.alerts.message import Delivery, Fact, Part
from dagster_pipeline.alerts.notifier import Notifier, NotifierError
from dagster_pipeline.alerts.samples import sample_messages
from dagster_pipeline.alerts.slack_alerts import blocks
from dagster_pipeline.settings import Settings
from scripts.servers.process import free_port
from tests.alert_servers.mail import Mailbox, running_mail
from tests.alert_servers.slack import TOKEN, FakeSlack, running_slack

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
MESSAGES = sample_messages(webserver="http://dagster.example.com", now=NOW)
FAILURE = MESSAGES["run_failure"]


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with running_slack() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with running_mail() as mailbox:
        yield mailbox


def email_variables(mail: Mailbox, **more: str) -> dict[str, str]:
    return {
        "SMTP_URL": mail.url,
        "ALERT_EMAIL_FROM": "pipeline@example.com",
        "ALERT_EMAIL_TO": "one@example.com, two@example.com",
        **more,
    }


def notifier(channel: Channel, **variables: str) -> Notifier:
    return open_channels(variables).notifiers[channel]


def bot(slack: FakeSlack, token: str = TOKEN, channel: str = "#data") -> Notifier:
    return notifier(Channel.SLACK, SLACK_BOT_TOKEN=token, SLACK_CHANNEL=channel, SLACK_API_URL=slack.api_url)


def webhook(slack: FakeSlack) -> Notifier:
    return notifier(Channel.SLACK, SLACK_WEBHOOK_URL=slack.webhook_url)


@pytest.mark.parametrize("build", [bot, webhook])
def test_slack_shows_table_error_next_step_run_link_last_success_and_owner(
    slack: FakeSlack, build: object
) -> None:
    build(slack).send(Delivery(FAILURE, Channel.SLACK))  # type: ignore[operator]  # one of the two above
    (post,) = slack.posts
    assert post["text"] == "Test: shop/orders: run failed"
    shown = str(post["blocks"])
    for words in (
        ":red_circle: Test: shop/orders: run failed",
        "mysql.example.com:3306/shop does not answer",
        "*What to do:* If it stays so, check host and port in MYSQL_SHOP_URL.",
        "<http://dagster.example.com/runs/00000000-0000-4000-8000-000000000000|00000000>",
        "2026-03-02 01:50 UTC",
        "team:shop",
    ):
        assert words in shown


def test_a_bot_posts_to_the_channel_of_the_route(slack: FakeSlack) -> None:
    bot(slack).send(Delivery(FAILURE, Channel.SLACK))
    bot(slack).send(Delivery(FAILURE, Channel.SLACK, slack_channel="#billing"))
    assert [post["channel"] for post in slack.posts] == ["#data", "#billing"]


def test_an_email_says_the_same_as_text_and_as_html(mail: Mailbox) -> None:
    notifier(Channel.EMAIL, **email_variables(mail)).send(Delivery(FAILURE, Channel.EMAIL))
    (message,) = mail.messages
    assert message["Subject"] == "[error] Test: shop/orders: run failed"
    assert mail.recipients == [["one@example.com", "two@example.com"]]
    text = message.get_body(("plain",))
    html = message.get_body(("html",))
    assert text is not None
    assert html is not None
    for words in ("What to do:", "MYSQL_SHOP_URL", "team:shop", "2026-03-02 01:50 UTC", "/runs/00000000-"):
        assert words in text.get_content()
        assert words in html.get_content()
    assert '<a href="http://dagster.example.com/runs/' in html.get_content()


def test_an_email_goes_to_the_addresses_of_the_route(mail: Mailbox) -> None:
    delivery = Delivery(FAILURE, Channel.EMAIL, email_to=("billing@example.com",))
    notifier(Channel.EMAIL, **email_variables(mail)).send(delivery)
    assert mail.recipients == [["billing@example.com"]]


def test_a_message_that_is_sent_twice_has_the_same_message_id(mail: Mailbox) -> None:
    sender = notifier(Channel.EMAIL, **email_variables(mail))
    sender.send(Delivery(FAILURE, Channel.EMAIL))
    sender.send(Delivery(replace(FAILURE, notes=("This may be a repetition.",)), Channel.EMAIL))
    first, second = (message["Message-ID"] for message in mail.messages)
    assert first == second == f"<{FAILURE.message_id}@example.com>"


def test_a_password_goes_only_where_it_is_allowed_to(mail: Mailbox) -> None:
    variables = email_variables(mail, SMTP_URL=mail.url_with_password)
    with pytest.raises(NotifierError, match="offers no TLS"):
        notifier(Channel.EMAIL, **variables).send(Delivery(FAILURE, Channel.EMAIL))
    assert not mail.messages
    variables["SMTP_URL"] += "?tls=none"
    notifier(Channel.EMAIL, **variables).send(Delivery(FAILURE, Channel.EMAIL))
    assert len(mail.messages) == 1


def test_a_wrong_password_is_said_without_repeating_it(mail: Mailbox) -> None:
    url = f"smtp://mailer:wrong-password@127.0.0.1:{mail.port}?tls=none"
    with pytest.raises(NotifierError, match="refused user and password") as caught:
        notifier(Channel.EMAIL, **email_variables(mail, SMTP_URL=url)).send(Delivery(FAILURE, Channel.EMAIL))
    assert "wrong-password" not in str(caught.value)


def test_one_unknown_recipient_does_not_keep_the_mail_from_the_other(mail: Mailbox) -> None:
    mail.refused.add("one@example.com")
    notifier(Channel.EMAIL, **email_variables(mail)).send(Delivery(FAILURE, Channel.EMAIL))
    assert mail.recipients == [["two@example.com"]]


def test_what_a_mail_server_refuses_is_an_error_of_the_channel(mail: Mailbox) -> None:
    mail.refused |= {"one@example.com", "two@example.com"}
    sender = notifier(Channel.EMAIL, **email_variables(mail))
    with pytest.raises(NotifierError, match="refused every recipient"):
        sender.send(Delivery(FAILURE, Channel.EMAIL))
    mail.refused.clear()
    mail.broken = True
    with pytest.raises(NotifierError, match=r"refused the message \(451\)"):
        sender.send(Delivery(FAILURE, Channel.EMAIL))


def test_a_server_that_is_not_there_is_an_error_of_the_channel() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    variables = {
        "SLACK_WEBHOOK_URL": f"http://{nowhere}/services/known-secret",
        "SMTP_URL": f"smtp://{nowhere}",
        "ALERT_EMAIL_FROM": "a@example.com",
        "ALERT_EMAIL_TO": "b@example.com",
    }
    for channel, sender in open_channels(variables).notifiers.items():
        with pytest.raises(NotifierError, match="does not answer") as caught:
            sender.send(Delivery(FAILURE, channel))
        assert "known-secret" not in str(caught.value)


@pytest.mark.parametrize("build", [bot, webhook])
def test_a_slack_that_does_not_answer_holds_nobody_up_for_long(
    slack: FakeSlack, build: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_alerts, "TIMEOUT_SECONDS", 0.2)
    slack.silence = 1.0
    with pytest.raises(NotifierError, match="does not answer"):
        build(slack).send(Delivery(FAILURE, Channel.SLACK))  # type: ignore[operator]  # one of the two above
    assert slack.asked == 1, "it may have taken the message, so the SDK must not send it again"


@pytest.mark.parametrize("build", [bot, webhook])
def test_slack_is_asked_again_by_the_sdk_when_it_is_busy_for_a_moment(
    slack: FakeSlack, build: object
) -> None:
    slack.answers = [(429, {"Retry-After": "0"})]
    build(slack).send(Delivery(FAILURE, Channel.SLACK))  # type: ignore[operator]  # one of the two above
    assert (len(slack.posts), slack.asked) == (1, 2)


@pytest.mark.parametrize("build", [bot, webhook])
def test_a_long_rate_limit_is_left_to_the_outbox(slack: FakeSlack, build: object) -> None:
    slack.answers = [(429, {"Retry-After": "120"})]
    with pytest.raises(NotifierError) as caught:
        build(slack).send(Delivery(FAILURE, Channel.SLACK))  # type: ignore[operator]  # one of the two above
    assert caught.value.wait_seconds == 120
    assert slack.asked == 1


def test_a_refusal_of_slack_names_the_reason_and_no_token(slack: FakeSlack) -> None:
    with pytest.raises(NotifierError, match="invalid_auth") as caught:
        bot(slack, token="xoxb-wrong-token").send(Delivery(FAILURE, Channel.SLACK))
    assert "xoxb" not in str(caught.value)
    with pytest.raises(NotifierError, match="channel_not_found"):
        bot(slack, channel="#missing").send(Delivery(FAILURE, Channel.SLACK))
    unknown = notifier(Channel.SLACK, SLACK_WEBHOOK_URL=f"{slack.url}/services/other")
    with pytest.raises(NotifierError, match="404"):
        unknown.send(Delivery(FAILURE, Channel.SLACK))


@pytest.mark.parametrize("name", list(MESSAGES))
def test_every_kind_of_message_keeps_slacks_limits(name: str) -> None:
    shown = blocks(MESSAGES[name])
    assert len(shown) <= 50
    for block in shown:
        if block["type"] == "header":
            assert len(block["text"]["text"]) <= 150
        if "text" in block:
            assert 0 < len(block["text"]["text"]) <= 3000
        for shown_field in block.get("fields", ()):
            assert 0 < len(shown_field["text"]) <= 2000
        assert len(block.get("fields", ())) <= 10


def test_the_longest_message_keeps_slacks_limits() -> None:
    part = Part(
        "<&>" * 2000, "x" * 5000, tuple(Fact("Label", "y" * 500) for _ in range(4)), ("t" * 300,) * 31
    )
    shown = blocks(replace(FAILURE, title="z" * 500, parts=(part,) * 40))
    assert len(shown) <= 50
    assert max(len(block["text"]["text"]) for block in shown if "text" in block) <= 3000


def test_what_a_table_is_called_is_no_markup() -> None:
    part = Part("a <b>&'\"", "c <d>", (Fact("e<", "f<", "http://x/?a=1&b=2"),), ("g<h>",))
    message = replace(FAILURE, title="<script>", parts=(part,))
    assert "<b>" not in as_html(message).replace("<b>What to do:</b>", "")
    assert "<script>" not in as_html(message)
    assert "<d>" not in str(blocks(message))
    assert "a <b>&'\"" in as_text(message)


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({}, "Slack is off; not set: SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_CHANNEL."),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "Slack is off; not set: SLACK_CHANNEL."),
        ({"SLACK_WEBHOOK_URL": "hooks.slack.com/1"}, "SLACK_WEBHOOK_URL is no address"),
        ({"SMTP_URL": "smtp://h"}, "E-mail is off; not set: ALERT_EMAIL_FROM, ALERT_EMAIL_TO."),
        (
            {"SMTP_URL": "http://h", "ALERT_EMAIL_FROM": "a@b.c", "ALERT_EMAIL_TO": "a@b.c"},
            "SMTP_URL must start with smtp:// or smtps://",
        ),
        (
            {"SMTP_URL": "smtp://h", "ALERT_EMAIL_FROM": "a@b.c", "ALERT_EMAIL_TO": "nobody"},
            "'nobody' is no address",
        ),
    ],
)
def test_a_channel_without_right_settings_is_off_and_says_why(variables: dict[str, str], why: str) -> None:
    channels = open_channels(variables)
    assert why in " ".join(channels.off.values())
    assert not channels.notifiers


def test_alert_test_sends_one_of_each_kind_to_every_channel(
    slack: FakeSlack, mail: Mailbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in email_variables(mail, SLACK_WEBHOOK_URL=slack.webhook_url).items():
        monkeypatch.setenv(name, value)
    assert main(["alert-test"]) == 0
    printed = capsys.readouterr().out
    assert len(slack.posts) == len(mail.messages) == len(MESSAGES) == printed.count("sent:") / 2
    for text in slack.texts:
        assert text.startswith("Test: ")


def test_alert_test_fails_when_nothing_is_configured_or_a_channel_refuses(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN", "SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    assert main(["alert-test"]) == 1
    assert "Slack is off" in capsys.readouterr().err
    monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{slack.url}/services/other")
    assert main(["alert-test"]) == 1
    assert "NOT SENT" in capsys.readouterr().err


def test_secrets_of_the_environment_are_known() -> None:
    settings = Settings.from_environment(
        {
            "MYSQL_AMTDB_URL": "mysql://reader:p%40ss-word@h/db",
            "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
            "SLACK_BOT_TOKEN": "xoxb-1",
            "SMTP_URL": "smtp://u:smtp-pass@h",
            "MASK_KEY": "the-mask-key",
            "STATE_URL": "postgresql://u@h/no-password",
            "SCHEMAS_DIR": "/schemas",
        }
    )
    assert settings.secrets() == {
        "p%40ss-word",
        "p@ss-word",
        "https://hooks.slack.com/services/T/B/x",
        "xoxb-1",
        "smtp-pass",
        "the-mask-key",
    }
