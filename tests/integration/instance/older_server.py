"""A line to a PostgreSQL server on which the server calls itself an older one."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_VERSION = re.compile(rb"(server_version\x00)\d\d")


@contextmanager
def calling_itself(major: int, host: str, port: int) -> Iterator[int]:
    """The port of the line; `major` has two digits, as the server's own version has."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    ended = threading.Event()

    def forward(source: socket.socket, target: socket.socket, *, rewrites: bool) -> None:
        with suppress(OSError):
            while block := source.recv(65536):
                target.sendall(_VERSION.sub(rb"\g<1>%d" % major, block) if rewrites else block)
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        while not ended.is_set():
            with suppress(TimeoutError):
                client, _ = listener.accept()
                server = socket.create_connection((host, port))
                for source, target, rewrites in ((client, server, False), (server, client, True)):
                    arguments = {"rewrites": rewrites}
                    threading.Thread(
                        target=forward, args=(source, target), kwargs=arguments, daemon=True
                    ).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        thread.join()
        listener.close()
