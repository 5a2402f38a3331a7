"""How SQL over several tables names them: `{database/table}`. Apart from judging it, which needs a parser."""

from __future__ import annotations

import re

PLACEHOLDER = re.compile(r"\{\s*([^{}/\s]+/[^{}/\s]+)\s*\}")


def tables_in(query: str) -> tuple[str, ...]:
    """The tables that a query names in braces, each once."""
    return tuple(dict.fromkeys(match[1] for match in PLACEHOLDER.finditer(query)))
