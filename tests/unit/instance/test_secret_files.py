"""Secrets from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.secret_files import read_secret_files


def test_a_secret_is_read_without_the_line_end_that_an_editor_left(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(" p@ss \n")
    read = read_secret_files({"DAGSTER_POSTGRES_PASSWORD_FILE": str(secret), "PATH": "/bin"})
    assert read["DAGSTER_POSTGRES_PASSWORD"] == " p@ss "
    assert read["PATH"] == "/bin"


@pytest.mark.parametrize(
    "name", ["ALERTS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "SSL_CERT_FILE", "AWS_SHARED_CREDENTIALS_FILE"]
)
def test_variables_that_only_look_alike_are_left_alone(name: str) -> None:
    assert read_secret_files({name: "/nowhere"}) == {name: "/nowhere"}


def test_an_empty_variable_names_no_file() -> None:
    assert read_secret_files({"STATE_URL_FILE": "", "STATE_URL": "sqlite:///x"})["STATE_URL"] == "sqlite:///x"


def test_two_answers_are_none(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://known-user:known-password@host/database")
    with pytest.raises(ConfigurationError, match="Both STATE_URL and STATE_URL_FILE are set") as raised:
        read_secret_files({"STATE_URL_FILE": str(secret), "STATE_URL": "postgresql://x"})
    assert "known-" not in str(raised.value)


@pytest.mark.parametrize("text", [b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_secret_is_named(tmp_path: Path, text: bytes) -> None:
    secret = tmp_path / "token"
    secret.write_bytes(text)
    with pytest.raises(ConfigurationError, match=f"SLACK_BOT_TOKEN_FILE names {secret}, which"):
        read_secret_files({"SLACK_BOT_TOKEN_FILE": str(secret)})
