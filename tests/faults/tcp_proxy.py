"""A line to a server that misbehaves by plan: TCP is passed on from a port of its own, each connection has its fate.

A fate strikes once: when so many bytes have passed one way, or when certain words pass. What it then does to the
connection is its kind. Connections for which nothing is planned pass untouched.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

BLOCK_BYTES = 1 << 16
LONGEST_WORD = 64
_LIBC = ctypes.CDLL(None)
_NO_ADDRESS = struct.pack("H14x", socket.AF_UNSPEC)


class Kind(StrEnum):
    """What happens to a connection."""

    REFUSE = "refuse"  # reset as soon as it is there
    CUT = "cut"  # reset
    TRUNCATE = "truncate"  # an orderly end in the middle of what the server sends
    STALL = "stall"  # silence, then reset
    DELAY = "delay"  # silence, then on
    CALL = "call"  # `Fate.call` is called, the connection passes on


@dataclass(frozen=True)
class Fate:
    """What happens to one connection, and when.

    Attributes:
        after_bytes: strikes when so many bytes came from the server (from the client with `upstream`).
        word: strikes when these bytes come from the client instead.
        answered: with `word`: only when the server begins to answer, and the answer is lost.
        seconds: how long a silence lasts.
    """

    kind: Kind
    after_bytes: int = 0
    upstream: bool = False
    word: bytes = b""
    answered: bool = False
    seconds: float = 0.0
    call: Callable[[], None] = lambda: None

    def __str__(self) -> str:
        if self.word:
            return f"{self.kind} {'after' if self.answered else 'at'} {self.word.decode()}"
        return f"{self.kind} at {self.after_bytes}{' sent' if self.upstream else ''}"


class TcpProxy:
    """Passes on TCP to `server`, which may be changed at any time, e.g. when it was started again elsewhere.

    Attributes:
        port: where to connect.
        connections: how many were made.
        struck: the fates that have really struck.
    """

    def __init__(self, host: str, port: int) -> None:
        self.server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.struck: list[Fate] = []
        self._fates: deque[Fate | None] = deque()
        self._open: set[_Line] = set()
        self._is_cut = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True, name="proxy").start()

    def plan(self, fates: Iterable[Fate | None]) -> None:
        """The fates of the next connections, in order, instead of what was planned; `None` passes."""
        with self._lock:
            self._fates = deque(fates)

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until `mend`."""
        self._is_cut.set()
        self.reset()

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut.clear()

    def reset(self) -> None:
        """Reset every connection that is open now."""
        with self._lock:
            lines = list(self._open)
        for line in lines:
            line.reset()

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
            threading.Thread(target=self._connect, args=(client,), daemon=True, name="line").start()

    def _connect(self, client: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            fate = self._fates.popleft() if self._fates else None
        if fate is not None and fate.kind is Kind.REFUSE:
            self.struck.append(fate)
        if self._is_cut.is_set() or (fate is not None and fate.kind is Kind.REFUSE):
            _reset(client)
            return
        try:
            server = socket.create_connection(self.server, timeout=10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        line = _Line(client, server, fate, self.struck)
        with self._lock:
            self._open.add(line)
        line.run()
        with self._lock:
            self._open.discard(line)


class _Line:
    """One connection from its beginning to its end."""

    def __init__(
        self, client: socket.socket, server: socket.socket, fate: Fate | None, struck: list[Fate]
    ) -> None:
        self._client, self._server, self._fate, self._struck = client, server, fate, struck
        self._is_armed = False  # the word has passed, the answer is waited for
        self._seen = {True: 0, False: 0}
        self._tail = b""

    def run(self) -> None:
        sending = threading.Thread(target=self._pass_on, args=(self._client, self._server), daemon=True)
        sending.start()
        self._pass_on(self._server, self._client)
        sending.join()
        for end in (self._client, self._server):
            end.close()

    def reset(self) -> None:
        """Both ends get a reset, and whoever waits here for them an error."""
        for end in (self._client, self._server):
            _disconnect(end)

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        upstream = one is self._client
        try:
            while data := one.recv(BLOCK_BYTES):
                rest = self._judge(data, upstream=upstream)
                if rest is None:
                    return
                other.sendall(rest)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            self.reset()

    def _judge(self, data: bytes, *, upstream: bool) -> bytes | None:
        """What is to be passed on of these bytes; `None` when the connection has ended."""
        fate = self._fate
        if fate is None:
            return data
        if fate.word:
            return self._judge_words(fate, data, upstream=upstream)
        if upstream is not fate.upstream:
            return data
        left = fate.after_bytes - self._seen[upstream]
        self._seen[upstream] += len(data)
        return self._strike(fate, data, left) if left < len(data) else data

    def _judge_words(self, fate: Fate, data: bytes, *, upstream: bool) -> bytes | None:
        if upstream and not self._is_armed:
            self._is_armed = fate.word in self._tail + data
            self._tail = data[-LONGEST_WORD:]
            if self._is_armed and not fate.answered:
                return self._strike(fate, data, 0)
        elif not upstream and self._is_armed:
            return self._strike(fate, data, 0)
        return data

    def _strike(self, fate: Fate, data: bytes, keep: int) -> bytes | None:
        self._fate = None
        self._struck.append(fate)
        if fate.kind is Kind.CALL:
            fate.call()
            return data
        if fate.kind in {Kind.STALL, Kind.DELAY}:
            time.sleep(fate.seconds)
        if fate.kind is Kind.DELAY:
            return data
        if fate.kind is Kind.TRUNCATE:
            with suppress(OSError):
                self._client.sendall(data[: max(keep, 0)])
                self._client.shutdown(socket.SHUT_RDWR)
                self._server.shutdown(socket.SHUT_RDWR)
            return None
        self.reset()
        return None


def _reset(end: socket.socket) -> None:
    _disconnect(end)
    end.close()


def _disconnect(end: socket.socket) -> None:
    """Send a reset at once: `shutdown` would send an orderly end, and `close` waits for whoever is reading.

    That is what connecting to no family does (`man 2 connect`), a call that Python does not have.
    """
    if (descriptor := end.fileno()) >= 0:
        _LIBC.connect(descriptor, _NO_ADDRESS, len(_NO_ADDRESS))
