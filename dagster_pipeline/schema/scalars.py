"""What an unquoted word of a YAML file stands for: text, a number, a switch or nothing, or refused when readers differ.

Only words are taken that YAML 1.1 and 1.2 readers agree on (yaml.org/type/bool.html, yaml.org/type/int.html and
yaml.org/spec/1.2.2/#103-core-schema). A date such as 2024-01-01 is taken as the text that it is written as.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_AGREED: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_BOOLEAN_OF_1_1 = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_LOOKS_LIKE_A_NUMBER = re.compile(
    r"[-+]?(?:0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+"
    r"|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"
    r"|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF|nan|NaN|NAN))"
)


@dataclass(frozen=True, slots=True)
class Unclear:
    """A word that readers of YAML take for different values.

    Attributes:
        text: the word as written.
        what, todo: the problem and its cure.
    """

    text: str
    what: str
    todo: str


def plain_value(word: str) -> str | int | float | bool | Unclear | None:
    """The value of an unquoted word."""
    if not word or word[0].isalpha() or word[0] == "~":
        return _word_value(word)
    if word[0] not in "-+.0123456789":
        return word
    if _INTEGER.fullmatch(word):
        return int(word)
    if _DECIMAL.fullmatch(word):
        return float(word)
    if _LOOKS_LIKE_A_NUMBER.fullmatch(word):
        return Unclear(
            word,
            f"`{word[:40]}` is read as different values by different YAML readers.",
            "Write it in quotes for the text, or as a plain decimal number.",
        )
    return word


def _word_value(word: str) -> str | bool | Unclear | None:
    lowered = word.lower() if len(word) < len("false") + 1 else word
    if lowered in _AGREED:
        return _AGREED[lowered]
    if lowered in _BOOLEAN_OF_1_1:
        return Unclear(
            word,
            f"`{word}` is a switch to some YAML readers and text to others.",
            f'Write "{word}" in quotes for the text, or {_BOOLEAN_OF_1_1[lowered]} for the switch.',
        )
    return word
