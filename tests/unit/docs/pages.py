"""The documentation as the tests see it: pages, their links, their fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])

_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and text."""

    page: str
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    for _, language, text in _FENCE.findall(page.read_text()):
        yield Block(page.name, language, text)


def links(page: Path) -> list[str]:
    return _LINK.findall(_FENCE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """What GitHub makes of headings: lower case, blanks to hyphens, other signs gone."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", each.strip().lower()).replace(" ", "-") for each in headings}


def commands() -> list[tuple[str, str]]:
    """Every command of every `sh` block, with its page; lines that go on are joined."""
    found = []
    for page in PAGES:
        for block in blocks(page):
            if block.language in ("sh", "bash", "console"):
                lines = block.text.replace("\\\n", " ").splitlines()
                found += [
                    (page.name, line.strip()) for line in lines if line.strip() and not line.startswith("#")
                ]
    return found
