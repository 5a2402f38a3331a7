"""A secret may stand in a file that a variable names."""

from pathlib import Path

import pytest

from dagster_pipeline.alerts.alert import Channel
from dagster_pipeline.alerts.channels import open_channels
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.secret_files import Variables
from dagster_pipeline.settings import Settings

URL = "postgresql://reader:s3cret%2Fword@pg.example.com/fma"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(URL + "\n")
    return path


def source_of(settings: Settings) -> str:
    return settings.source_url("postgres", connection="fma", database="fma").password


def test_an_address_is_read_from_its_file_each_time(file: Path) -> None:
    settings = Settings.from_environment({"POSTGRES_FMA_URL_FILE": str(file)})
    assert source_of(settings) == "s3cret/word"
    file.write_text(URL.replace("s3cret%2Fword", "rotated"))
    assert source_of(settings) == "rotated"
    assert settings.secrets() == {"rotated"}
    assert "rotated" not in repr(settings)


def test_every_kind_of_secret_may_stand_in_a_file(file: Path, tmp_path: Path) -> None:
    values = {
        "CLICKHOUSE_URL": "http://u:a@h/",
        "STATE_URL": "postgresql://u:b@h/s",
        "MYSQL_URL": "mysql://u:c@h/",
        "MASK_KEY": "a long random text",
        "MASK_KEY_V2": "another random text",
        "SLACK_WEBHOOK_URL": "https://hooks.example.com/x",
    }
    for name, value in values.items():
        (tmp_path / name).write_text(value)
    settings = Settings.from_environment({f"{name}_FILE": str(tmp_path / name) for name in values})
    assert settings.clickhouse_url().password == "a"
    assert settings.state_url().password == "b"
    assert settings.source_url("mysql", connection="x", database="d").password == "c"
    assert settings.mask_keys == {"": "a long random text", "v2": "another random text"}
    assert set(open_channels(settings.environment).notifiers) == {Channel.SLACK}
    assert settings.secrets() == {
        "a",
        "b",
        "c",
        "a long random text",
        "another random text",
        "https://hooks.example.com/x",
    }


def test_files_with_another_meaning_are_left_alone(file: Path) -> None:
    given = {
        "ALERTS_FILE": str(file),
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
        "SSL_CERT_FILE": str(file),
        "AWS_SHARED_CREDENTIALS_FILE": str(file),
        "SLACK_BOT_TOKEN_FILE": "",
    }
    settings = Settings.from_environment(given)
    assert dict(settings.environment) == given
    assert settings.secrets() == frozenset()


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (None, "cannot be read: No such file"),
        ("", "is empty"),
        ("a\nb", "more than one line"),
        (b"\xff\xfe\xfa", "is no text"),
    ],
)
def test_a_file_that_holds_no_value_is_named(tmp_path: Path, content: str | bytes | None, wrong: str) -> None:
    path = tmp_path / "secret"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(content)
    settings = Settings.from_environment({"POSTGRES_FMA_URL_FILE": str(path)})
    with pytest.raises(ConfigurationError, match=f"POSTGRES_FMA_URL_FILE names {path}.*{wrong}"):
        source_of(settings)
    assert settings.secrets() == frozenset()


def test_a_line_end_is_no_part_of_a_secret_and_spaces_are(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" p@ss \r\n")
    variables = Variables({"DAGSTER_POSTGRES_PASSWORD_FILE": str(tmp_path / "password")})
    assert variables["DAGSTER_POSTGRES_PASSWORD"] == " p@ss "


def test_a_service_gets_what_libraries_read_and_leaves_the_rest_in_files(file: Path) -> None:
    files = {"DAGSTER_POSTGRES_PASSWORD_FILE": str(file), "AWS_SECRET_ACCESS_KEY_FILE": str(file)}
    ours = {"POSTGRES_FMA_URL_FILE": str(file), "PATH": "/bin"}
    environment = Variables({**files, **ours}).of_a_service()
    assert environment == {"DAGSTER_POSTGRES_PASSWORD": URL, "AWS_SECRET_ACCESS_KEY": URL, **ours}
    assert source_of(Settings.from_environment(environment)) == "s3cret/word"
    with pytest.raises(ConfigurationError, match="MASK_KEY_FILE names /no/such/file"):
        Variables({"MASK_KEY_FILE": "/no/such/file"}).of_a_service()


def test_a_value_that_is_given_twice_is_refused(file: Path) -> None:
    settings = Settings.from_environment({"POSTGRES_FMA_URL": URL, "POSTGRES_FMA_URL_FILE": str(file)})
    with pytest.raises(ConfigurationError, match="Both POSTGRES_FMA_URL and POSTGRES_FMA_URL_FILE are set"):
        source_of(settings)
