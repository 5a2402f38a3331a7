"""What commands write: colour and progress bars only where a person looks on, plain text everywhere else.

Colour follows the terminal, and NO_COLOR (no-color.org).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

Told = Callable[[str], None]


def write_lines(lines: Iterable[tuple[str, str]]) -> None:
    """Each line in its style; lines are never wrapped, so that what is piped is one line each."""
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    for style, text in lines:
        console.print(Text(text, style=style))


def write_json(value: object) -> None:
    """JSON; moments and paths become text, sets lists."""
    sys.stdout.write(json.dumps(value, indent=2, default=_plain) + "\n")


def write_table(head: Sequence[str], rows: Sequence[Sequence[Text | str]]) -> None:
    """Columns under each other, as wide as they need."""
    texts = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [max([len(name), *(row[at].cell_len for row in texts)]) for at, name in enumerate(head)]
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    for row in [[Text(name, style="bold") for name in head], *texts]:
        line = Text()
        for at, (cell, width) in enumerate(zip(row, widths, strict=True)):
            line.append_text(cell)
            if at < len(widths) - 1:
                line.append(" " * (width - cell.cell_len + 2))
        line.rstrip()
        console.print(line)


@contextmanager
def telling(what: str) -> Iterator[Told]:
    """A line on stderr that says what is being done, while it is done."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield lambda _now: None
        return
    with console.status(what) as status:
        yield lambda now: status.update(f"{what} {now}")


def counted(items: Sequence[Any], what: str) -> Iterator[Any]:
    """The items one after the other, with a bar on stderr."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield from items
        return
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*parts, console=console, transient=True) as progress:
        yield from progress.track(items, description=what)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return sorted(value) if isinstance(value, set | frozenset) else str(value)
