"""Tables' states as a JSON document, to move them between stores or keep a copy. Finished loads and locks stay behind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.state.positions import GREATEST_VERSION
from dagster_pipeline.state.records import LoadStatus, TableState, for_people

FORMAT = 1
_STATES = TypeAdapter(tuple[TableState, ...])


def dump(states: Iterable[TableState]) -> str:
    """The document, for people to read and for `parse`."""
    document = {"format": FORMAT, "tables": [asdict(state) for state in states]}
    return json.dumps(document, indent=2, default=_plain)


def parse(text: str) -> tuple[TableState, ...]:
    """What `dump` was given. Raises `ConfigurationError` that names the first thing that is wrong."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"This is no JSON document: {error}.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT or "tables" not in document:
        raise ConfigurationError(
            f"This is no export of a state store in format {FORMAT}.", todo="Write one with `state export`."
        )
    try:
        states = _STATES.validate_json(json.dumps(document["tables"]), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"tables.{place} of the export is wrong: {first['msg']}.") from error
    read = json.loads(dump(states))
    if unknown := _unknown(document, read):
        raise ConfigurationError(f"{unknown} of the export is not known.", todo="Is the name misspelt?")
    for state in states:
        _check(state)
    return states


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value))


def _unknown(given: object, read: object, place: str = "") -> str:
    """The first key that was given and not read, empty when there is none."""
    if isinstance(given, Mapping) and isinstance(read, Mapping):
        for key, value in given.items():
            here = f"{place}.{key}".lstrip(".")
            if found := here if key not in read else _unknown(value, read[key], here):
                return found
    if isinstance(given, list) and isinstance(read, list):
        for index, pair in enumerate(zip(given, read, strict=True)):
            if found := _unknown(*pair, f"{place}.{index}"):
                return found
    return ""


def _check(state: TableState) -> None:
    load, name = state.open_load, for_people(state.table, state.partition)
    moments = [state.last_success_at, load.created_at if load else None]
    if any(moment is not None and moment.tzinfo is None for moment in moments):
        raise ConfigurationError(
            f"{name}: a moment has no time zone.", todo="Write e.g. 2026-01-31T12:00:00+00:00."
        )
    if not 0 <= state.version <= GREATEST_VERSION:
        raise ConfigurationError(f"{name}: version {state.version} is not one of ours.")
    if load and (load.table, load.partition, load.status) != (state.table, state.partition, LoadStatus.OPEN):
        raise ConfigurationError(f"{name}: load {load.load_id} is another table's, or is not open.")
