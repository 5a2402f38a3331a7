"""Cuts an INSERT from the data that follow it, and makes it read a file, as the HTTP front needs it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PIECE = re.compile(
    rb"(?P<quoted>'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\")"
    rb"|(?P<comment>--[^\n]*\n|/\*.*?\*/)|(?P<word>\w+)|(?P<other>.)",
    re.DOTALL,
)
_FORMAT = re.compile(rb"\bFORMAT\s+(?P<format>\w+)(?P<gap>[ \t\f]*(?:\r?\n|$))", re.IGNORECASE)
_INPUT = re.compile(rb"\binput\s*\(\s*(?P<structure>'(?:[^'\\]|\\.|'')*')\s*\)", re.IGNORECASE)
RESULT_WORDS = (b"SELECT", b"WITH", b"SHOW", b"DESCRIBE", b"DESC", b"EXISTS", b"EXPLAIN")


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT with data behind it.

    Attributes:
        statement: up to and without FORMAT.
        wire_format: the format's name.
        length: bytes up to where the data begin.
    """

    statement: bytes
    wire_format: bytes
    length: int

    def from_file(self, path: str) -> bytes:
        """The same insert, with its data in a file."""
        literal = b"'" + path.encode().replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"'"
        source = _outside_quotes(_INPUT, self.statement)
        if source is None:
            return self.statement + b" FROM INFILE " + literal + b" FORMAT " + self.wire_format
        function = b"file(" + literal + b", '" + self.wire_format + b"', " + source["structure"] + b")"
        return self.statement[: source.start()] + function + self.statement[source.end() :]


def first_word(text: bytes) -> bytes:
    """The statement's first word, upper case; empty when there is none yet."""
    for piece in _PIECE.finditer(text):
        if piece["word"]:
            return piece["word"].upper()
        if piece["quoted"] or (piece["other"] or b"").strip(b" \t\r\n\f("):
            break
    return b""


def find_insert(text: bytes) -> Insert | None:
    """The INSERT at the start of `text` when it says FORMAT; `None` when it does not, or not yet."""
    if first_word(text) != b"INSERT":
        return None
    found = _outside_quotes(_FORMAT, text)
    if found is None or not found["gap"]:
        return None
    return Insert(text[: found.start()].rstrip(), found["format"], found.end())


def _outside_quotes(pattern: re.Pattern[bytes], text: bytes) -> re.Match[bytes] | None:
    for start in _word_starts(text):
        found = pattern.match(text, start)
        if found:
            return found
    return None


def _word_starts(text: bytes) -> Iterator[int]:
    for piece in _PIECE.finditer(text):
        if piece["word"]:
            yield piece.start()
