"""Reads a type as people and catalogs spell it, e.g. `timestamp(3) with time zone`, `enum('a','b,c')`, `text[]`.

Belongs here: spelling only, the same for every dialect. What a type means stands in the dialect's own module.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>/\*.*?\*/)
  | (?P<dimension>\[\s*\d*\s*\])
  | (?P<open>\() | (?P<close>\)) | (?P<comma>,)
  | (?P<label>'(?:[^'\\]|''|\\.)*')
  | (?P<quoted>"(?:[^"]|"")+"(?:\."(?:[^"]|"")+")?)
  | (?P<word>[^\s()\[\],'"]+)
    """,
    re.VERBOSE | re.DOTALL,
)
MAX_FRACTION_DIGITS = 6
"""Digits after the second that a time can have, on every dialect."""
_MOST_NUMBERS = 2
_TIMES = re.compile(r"(date)?time")
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


class TypeTextError(ValueError):
    """The text does not read as a type; the message says where."""


@dataclass(frozen=True, slots=True)
class TypeText:
    """A type's spelling, taken apart.

    Attributes:
        name: all words outside parentheses, lower case, single spaces: `timestamp with time zone`. A quoted
            identifier keeps its case and its quotes.
        arguments: what stood in the parentheses, unquoted: `("20", "4")`, `("active", "it's")`.
        dimensions: how many `[]` follow.
    """

    name: str
    arguments: tuple[str, ...] = ()
    dimensions: int = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """The arguments as whole numbers. Raises `TypeTextError` when one is not."""
        try:
            return tuple(int(argument) for argument in self.arguments)
        except ValueError as error:
            raise TypeTextError(f"{self.name}({', '.join(self.arguments)}) needs whole numbers.") from error

    def judge_arguments(self, *, are_labels: bool) -> None:
        """Raise `TypeTextError` unless the arguments are what some type could have: labels, or one or two numbers."""
        if are_labels and not self.arguments:
            raise TypeTextError(f"{self.name} needs its labels, e.g. {self.name}('a','b').")
        if not are_labels and len(self.numbers) > _MOST_NUMBERS:
            raise TypeTextError(f"{self} has too many numbers.")
        fraction = self.numbers[0] if not are_labels and self.numbers and _TIMES.match(self.name) else 0
        if not 0 <= fraction <= MAX_FRACTION_DIGITS:
            raise TypeTextError(f"{self} has more than {MAX_FRACTION_DIGITS} digits after the second.")

    def __str__(self) -> str:
        arguments = f"({','.join(self.arguments)})" if self.arguments else ""
        return f"{self.name}{arguments}{'[]' * self.dimensions}"


def parse_type_text(text: str) -> TypeText:
    """Take a type's spelling apart. Comments (`/* mariadb-5.3 */`) are skipped.

    Raises `TypeTextError` for anything that is not words, one pair of parentheses and trailing `[]`.
    """
    words: list[str] = []
    arguments: tuple[str, ...] = ()
    dimensions = position = 0
    seen_arguments = False
    while position < len(text):
        token = _token(text, position)
        position = token.end()
        kind, spelled = str(token.lastgroup), token.group()
        if kind in ("space", "comment"):
            continue
        if kind == "dimension":
            dimensions += 1
        elif dimensions or kind not in ("open", "word", "quoted") or (kind == "open" and seen_arguments):
            raise TypeTextError(f"{spelled!r} is not expected at position {token.start() + 1}.")
        elif kind == "open":
            arguments, position = _arguments(text, position)
            seen_arguments = True
        else:
            words.append(spelled if kind == "quoted" else spelled.lower())
    if not words:
        raise TypeTextError("there is no type name.")
    return TypeText(" ".join(words), arguments, dimensions)


def _token(text: str, position: int) -> re.Match[str]:
    token = _TOKEN.match(text, position)
    if token is None:
        raise TypeTextError(f"{text[position]!r} at position {position + 1} is not closed.")
    return token


def _arguments(text: str, position: int) -> tuple[tuple[str, ...], int]:
    """Everything up to the closing parenthesis: arguments in between commas, each one word or one label."""
    arguments: list[str] = []
    wants_argument = True
    while position < len(text):
        token = _token(text, position)
        position = token.end()
        kind = str(token.lastgroup)
        if kind == "space":
            continue
        if kind == "close" and not wants_argument:
            return tuple(arguments), position
        if wants_argument is not (kind in ("label", "word")) or (not wants_argument and kind != "comma"):
            raise TypeTextError(f"{token.group()!r} is not expected at position {token.start() + 1}.")
        if wants_argument:
            arguments.append(_unquoted(token.group()) if kind == "label" else token.group())
        wants_argument = not wants_argument
    raise TypeTextError("a closing parenthesis is missing.")


def _unquoted(label: str) -> str:
    """The text of a label, with the escapes that MySQL's catalog writes (a doubled quote, a backslash) undone."""
    return re.sub(
        r"''|\\(.)",
        lambda found: _ESCAPES.get(found[1], found[1]) if found[1] is not None else "'",
        label[1:-1],
        flags=re.DOTALL,
    )
