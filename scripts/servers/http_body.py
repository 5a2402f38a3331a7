"""The body of an HTTP request: with a length or chunked, plain or compressed, or a form."""

from __future__ import annotations

import email.parser
import email.policy
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import lz4.frame  # type: ignore[import-untyped]  # ships no type information
from backports import zstd

READ_BYTES = 1 << 20


class BrokenBodyError(Exception):
    """The client went away before its body was complete."""


class Body:
    """The pieces of a request's body, decoded. Raises `BrokenBodyError` when it ends too early."""

    _decoders: ClassVar[Mapping[str, Callable[[], Any]]] = {
        "gzip": lambda: zlib.decompressobj(31),
        "deflate": zlib.decompressobj,
        "lz4": lz4.frame.LZ4FrameDecompressor,
        "zstd": zstd.ZstdDecompressor,
    }

    def __init__(self, stream: Any, headers: Any) -> None:
        self._stream = stream
        chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
        raw = self._chunks() if chunked else self._counted(int(headers.get("Content-Length") or 0))
        encoding = headers.get("Content-Encoding", "")
        self._pieces = self._decoded(raw, self._decoders[encoding]()) if encoding in self._decoders else raw

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def _counted(self, length: int) -> Iterator[bytes]:
        while length:
            piece = self._stream.read(min(length, READ_BYTES))
            if not piece:
                raise BrokenBodyError
            length -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while True:
            try:
                length = int(self._stream.readline(1024).partition(b";")[0], 16)
            except (ValueError, OSError):
                raise BrokenBodyError from None
            yield from self._counted(length)
            self._stream.readline(1024)
            if not length:
                return

    @staticmethod
    def _decoded(raw: Iterator[bytes], decoder: Any) -> Iterator[bytes]:
        for piece in raw:
            yield decoder.decompress(piece)


def form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """The text fields of a `multipart/form-data` body."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    fields: dict[str, str] = {}
    for part in email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body).iter_parts():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            fields[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return fields
