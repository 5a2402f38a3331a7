"""Which server is used, and what a server that others run refuses. Nothing is started."""

from pathlib import Path

import pytest

from scripts.servers import packages, process, provide
from scripts.servers.docker_server import DockerServer
from scripts.servers.local_server import LocalServer
from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.product import Product, with_database
from scripts.servers.provide import choose
from scripts.servers.server import GivenServer

URL = "postgresql://admin:top%2Fsecret@db.example.com:5433/?sslmode=require"


def test_a_variable_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOME_URL", URL)
    server = choose(Postgres(), tmp_path, variable="SOME_URL")
    assert isinstance(server, GivenServer)
    assert server.url == URL


def test_a_docker_engine_that_answers_comes_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SOME_URL", raising=False)
    monkeypatch.setattr(provide, "docker_answers", lambda: True)
    assert isinstance(choose(Postgres(), tmp_path, variable="SOME_URL"), DockerServer)


def test_installed_programs_come_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SOME_URL", raising=False)
    monkeypatch.setattr(provide, "docker_answers", lambda: False)
    assert isinstance(choose(Postgres(), tmp_path, variable="SOME_URL"), LocalServer)


def test_a_docker_client_without_an_engine_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\nexit 1\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not provide.docker_answers()


def test_a_server_that_others_run_is_not_killed_and_its_url_is_in_no_error() -> None:
    server = GivenServer(Postgres(), URL, variable="SOME_URL")
    with pytest.raises(process.ServerError) as caught:
        server.kill()
    assert "SOME_URL" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_given_server_that_does_not_answer_names_its_variable() -> None:
    url = f"postgresql://admin:secret@127.0.0.1:{process.free_port()}/"
    with pytest.raises(process.ServerError, match="SOME_URL") as caught:
        GivenServer(Postgres(), url, variable="SOME_URL").start()
    assert "secret" not in str(caught.value)


def test_another_database_of_a_server_keeps_its_options() -> None:
    assert (
        with_database(URL, "a/b")
        == "postgresql://admin:top%2Fsecret@db.example.com:5433/a%2Fb?sslmode=require"
    )


@pytest.mark.parametrize("product", [Postgres(), MariaDb()])
def test_a_missing_program_that_cannot_be_installed_says_what_to_do(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(product), "is_installed", lambda self: False)
    monkeypatch.setattr(packages, "_root_command", lambda: None)
    with pytest.raises(process.ServerError, match=f"{product.packages[0]}.*Docker.*{product.variable}"):
        packages.install(product)


def test_nothing_is_installed_when_the_programs_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Postgres, "is_installed", lambda self: True)
    monkeypatch.setattr(packages, "_root_command", lambda: pytest.fail("looked for a way to install"))
    packages.install(Postgres())


def test_a_url_before_the_first_start_says_to_start(tmp_path: Path) -> None:
    with pytest.raises(process.ServerError, match="not started"):
        _ = LocalServer(Postgres(), tmp_path).url
    assert list(tmp_path.iterdir()) == []
