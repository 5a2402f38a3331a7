"""HTTPS to the warehouse: a front over the embedded engine stands behind a small TLS end of our own."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from dagster_pipeline.connectors.sink.clickhouse.inspector import inspect_clickhouse
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from scripts.servers.clickhouse_http import running_front
from tests.integration.security.certificates import Certificates, make

PASSWORD = "plover-33-Granite"


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def tls_end(certificates: Certificates, *, port: int) -> Iterator[int]:
    """Takes TLS off and passes bytes on to `port`; yields its own port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate, certificates.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with suppress(OSError):  # a client that does not trust us
                    taken = context.wrap_socket(plain, server_side=True)
                    onward = socket.create_connection(("127.0.0.1", port))
                    for ends in ((taken, onward), (onward, taken)):
                        threading.Thread(target=_pump, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_the_warehouse_is_verified(warehouse_dir: Path, tmp_path: Path) -> None:
    certificates = make(tmp_path)
    with (
        running_front(warehouse_dir, user="pipeline", password=PASSWORD) as front,
        tls_end(certificates, port=int(front.url.rstrip("/").rpartition(":")[2].partition("/")[0])) as port,
    ):

        def examine(authority: Path, host: str = "localhost") -> bool | None:
            text = f"https://pipeline:{PASSWORD}@{host}:{port}/?ca_cert={authority}"
            url = DatabaseUrl.parse(text, variable="CLICKHOUSE_URL", schemes=())
            return inspect_clickhouse(url, databases=[], cluster=None, seconds=30).encrypted

        assert examine(certificates.authority) is True
        for authority, host in ((certificates.stranger, "localhost"), (certificates.authority, "127.0.0.1")):
            with pytest.raises(ConfigurationError, match="is not trusted") as raised:
                examine(authority, host)
            assert PASSWORD not in str(raised.value)
