"""A contract as people read it: lines for a terminal, Markdown for the UI, plain data for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dagster_pipeline.contract.table_contract import ContractDifference, TableContract


def says(contract: TableContract) -> str:
    """The result as a sentence."""
    if contract.is_kept:
        return f"{contract.table}: file, source and warehouse agree."
    count = len(contract.differences)
    stops = "; the next load would stop" if contract.stops_load else ""
    return f"{contract.table}: {count} difference(s) between file, source and warehouse{stops}."


def as_text(contract: TableContract) -> str:
    """For a terminal: what settles a difference stands below it, fit to be copied."""
    lines = [says(contract)]
    for difference in contract.differences:
        lines.append(f"{_place(contract, difference)}: {_sentences(difference)}")
        lines += [f"    {line}" for line in _settles(difference)]
    return "\n".join(lines) + "\n"


def as_markdown(contract: TableContract) -> str:
    """For the UI."""
    parts = []
    for difference in contract.differences:
        parts.append(f"`{_place(contract, difference)}` {_sentences(difference)}")
        if difference.patch:
            parts.append(f"```diff\n{difference.patch}```")
        if difference.statements:
            parts.append("```sql\n" + ";\n".join(difference.statements) + "\n```")
    return "\n\n".join(parts) or "nothing"


def as_data(contract: TableContract) -> dict[str, Any]:
    """For JSON."""
    return {
        "table": contract.table,
        "file": contract.file,
        "kept": contract.is_kept,
        "stops_load": contract.stops_load,
        "differences": [asdict(difference) for difference in contract.differences],
        "patch": contract.patch,
    }


def _place(contract: TableContract, difference: ContractDifference) -> str:
    return f"{contract.file}:{difference.line}"


def _sentences(difference: ContractDifference) -> str:
    stops = "The next load would stop." if difference.stops_load else ""
    return " ".join(part for part in (difference.what, stops, difference.todo) if part)


def _settles(difference: ContractDifference) -> list[str]:
    statements = [f"{line};" for statement in difference.statements for line in [statement]]
    return [*difference.patch.splitlines(), *(line for each in statements for line in each.splitlines())]
