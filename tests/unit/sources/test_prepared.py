"""Bytes of an answer that PyMySQL's buffer holds already are handed on without waiting for more."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

from dagster_pipeline.connectors.sources.mysql.prepared import receiving


def test_what_is_buffered_comes_first_and_alone() -> None:
    server, client = socket.socketpair()
    with server, client, client.makefile("rb") as file:
        client.settimeout(10)
        server.sendall(b"announced" + b"the only row")
        assert file.read(9) == b"announced"
        connection: Any = SimpleNamespace(_rfile=file)
        receive, room = receiving(connection), memoryview(bytearray(100_000))
        assert bytes(room[: receive(room[:8])]) == b"the only"
        assert bytes(room[: receive(room)]) == b" row"
        server.sendall(b"more")
        assert bytes(room[: receive(room)]) == b"more"
        server.close()
        assert receive(room) == 0


def test_a_connection_that_was_closed_has_nothing() -> None:
    closed: Any = SimpleNamespace(_rfile=None)
    assert receiving(closed)(memoryview(bytearray(10))) == 0
