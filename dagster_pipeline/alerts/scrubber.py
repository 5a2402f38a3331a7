"""Makes an error's text fit to leave the house: no secret, no value of a row. Pure.

Names stay, since a message without them helps nobody: what stands in quotes is kept when a table file knows it as a name
and hidden otherwise; long numbers are hidden unless what is around them says that they count or place something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "…"
SECRET = "***"  # noqa: S105 -- stands in place of secrets
LONGEST = 400
_SHORTEST_SECRET = 4

_CREDENTIALS = re.compile(r"(\w[\w+.-]*://[^\s/@:]*):[^\s/]*@")
_ASSIGNED = re.compile(r"(?i)\b(password|passwd|pwd|secret|token|api_?key)(\s*[=:]\s*)(\S+)")
_QUOTED = re.compile(r"(?<![a-z])'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|`([^`]*)`")
_ROW = re.compile(r"(?i)((?:=|\bcontains|\bvalues)\s*)\(.*\)")
_ADDRESS = re.compile(r"(?<![\w./+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(
    r"(?<![\w./:\[+-])[-+]?\d[\d.,_]{2,}\d(?!\w)"
    r"(?!\s*(?:rows?|row\(s\)|seconds?|s|ms|minutes?|hours?|bytes?|MB|GB|KB|chunks?|columns?|tables?|times?)\b)"
)
_BEFORE_A_CODE = re.compile(
    r"(?i)(?:ClickHouse|MySQL|MariaDB|SQLSTATE|HTTP|code|error|errno|port|line|pid|schema|version|year)\s*[:(]?\s*\(?$"
)
_HOST = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_FILE = re.compile(r"[\w./-]+\.(?:ya?ml|sql|py|sqlite)(?::\d+)*")
_VARIABLE = re.compile(
    r"(?:ALERT|CLICKHOUSE|DAGSTER|MASK|MYSQL|POSTGRES|SCHEMAS|SLACK|SMTP|STATE)_[A-Z0-9_]+"
)


class Scrubber:
    """Takes out what may not leave the house.

    Args:
        secrets: texts that may never be seen, such as passwords; very short ones would hide ordinary words and are left.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({text for text in secrets if len(text) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None

    def hidden(self, text: str) -> str:
        """The whole text, as it is but for secrets."""
        shown = self._secrets.sub(SECRET, text) if self._secrets else text
        return _ASSIGNED.sub(rf"\1\2{SECRET}", _CREDENTIALS.sub(r"\1@", shown))

    def secrets(self, text: str) -> str:
        """The text without secrets, for text that holds no values of rows: one line, of bounded length."""
        shown = self.hidden(" ".join(text.split()))
        return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1].rstrip()}{HIDDEN}"

    def values(self, text: str, *, names: frozenset[str]) -> str:
        """The text without secrets and without what may be a value of a row; `names` may stay in quotes."""
        shown = self._secrets.sub(SECRET, text) if self._secrets else text
        shown = _QUOTED.sub(lambda match: _kept_or_hidden(match, names), shown)
        shown = _ROW.sub(rf"\1({HIDDEN})", _CREDENTIALS.sub(r"\1@", shown))
        shown = _NUMBER.sub(_number, _ADDRESS.sub(HIDDEN, shown))
        return self.secrets(shown)


def _kept_or_hidden(match: re.Match[str], names: frozenset[str]) -> str:
    inner = next(group for group in match.groups() if group is not None)
    parts = re.split(r"[./]", inner)
    known = inner in names or all(part in names for part in parts)
    if known or _VARIABLE.fullmatch(inner) or _FILE.fullmatch(inner):
        return match[0]
    return f"{match[0][0]}{HIDDEN}{match[0][-1]}"


def _number(match: re.Match[str]) -> str:
    before, after = match.string[max(0, match.start() - 24) : match.start()], match.string[match.end() :][:1]
    is_host = after == ":" and _HOST.fullmatch(match[0])
    return match[0] if is_host or _BEFORE_A_CODE.search(before) else HIDDEN
