"""The comment in front of every statement: it tells whoever watches the source which table and run it belongs to."""

from __future__ import annotations

import re

APPLICATION = "dagster_pipeline"
"""How our sessions name themselves; open transactions of ours are known by it and never hold a bound back."""

_LONGEST = 240


def commented(statement: str, comment: str = "") -> str:
    """The statement with our name and `comment` in front.

    Only letters, digits and a few harmless signs pass, so nothing in it can end the comment or be an optimizer hint.
    """
    words = re.sub(r"[^\w .:/=,@+-]", "_", comment, flags=re.ASCII).replace("*/", "__").strip()[:_LONGEST]
    if not words.startswith(APPLICATION):
        words = f"{APPLICATION} {words}".strip()
    return f"/* {words} */ {statement}"
