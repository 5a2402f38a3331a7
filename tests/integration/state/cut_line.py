"""A line to a server that a test can cut and mend: TCP is passed on from a port of its own."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class CutLine:
    """While cut, what was connected is gone and nothing new can be."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._is_cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._is_cut.set()
        while self._open:
            end = self._open.pop()
            with suppress(OSError):  # the other side may be gone already
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def mend(self) -> None:
        self._is_cut.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut.is_set():
                client.close()
                continue
            server = socket.create_connection(self._server)
            self._open += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):  # the line was cut
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
