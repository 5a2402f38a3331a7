"""Names of what an export puts beside its table."""

from __future__ import annotations


def beside(table: str, what: str, load_id: str, *, longest: int) -> str:
    """`<table>__<what>_<load_id>`, the table's name cut so that `longest` bytes hold it; `load_id` keeps it unique."""
    end = f"__{what}_{load_id}"
    return table.encode()[: longest - len(end)].decode(errors="ignore") + end
