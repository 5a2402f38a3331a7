"""How values stand in the store's columns: alike in both databases, and nothing is lost. No table stands here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from dagster_pipeline.connectors.batch import KeyRange, Window
from dagster_pipeline.errors import ConfigurationError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment as whole microseconds since 1970 UTC: exact, and one arithmetic for both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Raises `TypeError` for a moment without time zone."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> datetime | None:
        """Always UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND

    def coerce_compared_value(self, _operator: object, value: object) -> TypeEngine[Any]:
        """A number beside a moment is a number of microseconds."""
        return BigInteger() if isinstance(value, int) else self


class EncodedText(TypeDecorator[Any]):
    """A value as text by a pair of functions; `None` is NULL."""

    impl = Text
    cache_ok = True

    def __init__(self, encode: Callable[[Any], str], decode: Callable[[str], object]) -> None:
        super().__init__()
        self.encode = encode
        self.decode = decode

    def process_bind_param(self, value: Any | None, _dialect: Dialect) -> str | None:
        """From Python to the database."""
        return None if value is None else self.encode(value)

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> object:
        """From the database to Python."""
        return None if value is None else self.decode(value)


def _escape(text: str) -> str:
    """The text as it stands between the quotes of a JSON string: PostgreSQL's text cannot hold a NUL character."""
    return json.dumps(text)[1:-1]


def _unescape(stored: str) -> str:
    return str(json.loads(f'"{stored}"'))


_NAMES = {record: tuple(field.name for field in fields(record)) for record in (Window, KeyRange)}


def _to_json(record: Window | KeyRange) -> str:
    values = {name: getattr(record, name) for name in _NAMES[type(record)]}
    return json.dumps(values, separators=(",", ":"))


def _from_json(stored: str, record: type[Window | KeyRange]) -> dict[str, Any]:
    """The fields that were stored; the record's defaults serve for those that an older version did not have."""
    values: dict[str, Any] = json.loads(stored)
    if unknown := sorted(set(values) - set(_NAMES[record])):
        # To ignore a field could mean to read other rows than the load was planned for.
        raise ConfigurationError(
            f"The state store holds a {record.__name__} with {', '.join(unknown)}, which this version does not know.",
            todo="Run the version that wrote it, or a newer one.",
        )
    return values


def _window(stored: str) -> Window:
    values = _from_json(stored, Window)
    return Window(**values | {"values": tuple(values.get("values", ()))})


def _key_range(stored: str) -> KeyRange:
    values = _from_json(stored, KeyRange)
    for name, side in values.items():
        values[name] = None if side is None else tuple(side)
    return KeyRange(**values)


EXACT_TEXT = EncodedText(_escape, _unescape)
WINDOW = EncodedText(_to_json, _window)
KEY_RANGE = EncodedText(_to_json, _key_range)
