"""Masks: a personal value is made unreadable at the source, so its clear text never leaves it.

sha256 and hmac_sha256 give 64 lower-case hexadecimal digits of the value's UTF-8 text (of the bytes for binary types),
the same on every dialect for the same text. HMAC (RFC 2104) keeps its key out of the statement: the connector puts
the two padded keys into the session with `session_statements`, and the statement only names them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from dagster_pipeline.schema.models import Dialect, Mask
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.type_rule import TypeRule

_BLOCK_BYTES = 64
_INNER_PAD, _OUTER_PAD = 0x36, 0x5C
_MYSQL_KEYS = ("@dagster_mask_key_inner", "@dagster_mask_key_outer")
_POSTGRES_KEYS = ("dagster.mask_key_inner", "dagster.mask_key_outer")


def masked(rule: TypeRule, mask: Mask, dialect: Dialect) -> TypeRule:
    """The rule of a masked column: always a String, NULL stays NULL."""
    if mask is Mask.REDACT:
        read = "CASE WHEN {column} IS NOT NULL THEN 'redacted' END"
    elif dialect == "mysql":
        read = _mysql(rule, keyed=mask is Mask.HMAC_SHA256)
    else:
        read = _postgres(rule, keyed=mask is Mask.HMAC_SHA256)
    return TypeRule("String", read, read=read)


def needs_mask_key(mappings: Iterable[ColumnMapping]) -> bool:
    """Some column is read with the mask key, so `session_statements` must run first."""
    return any(key in mapping.read for mapping in mappings for key in (*_MYSQL_KEYS, *_POSTGRES_KEYS))


def session_statements(dialect: Dialect, mask_key: str) -> tuple[str, ...]:
    """What a connector runs on a session before it reads keyed columns. They hold the key: never log them.

    The UTF-8 bytes of `mask_key` are the HMAC key, whatever their number.
    """
    key = mask_key.encode()
    key = hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key
    padded = [
        bytes(byte ^ pad for byte in key.ljust(_BLOCK_BYTES, b"\0")).hex() for pad in (_INNER_PAD, _OUTER_PAD)
    ]
    if dialect == "mysql":
        return tuple(f"SET {name} = 0x{value}" for name, value in zip(_MYSQL_KEYS, padded, strict=True))
    return tuple(
        f"SELECT set_config('{name}', '{value}', false)"
        for name, value in zip(_POSTGRES_KEYS, padded, strict=True)
    )


def _mysql(rule: TypeRule, *, keyed: bool) -> str:
    value = rule.text if rule.is_bytes else f"CONVERT({rule.text} USING utf8mb4)"
    if not keyed:
        return f"SHA2({value}, 256)"
    inner, outer = _MYSQL_KEYS
    return f"SHA2(CONCAT({outer}, UNHEX(SHA2(CONCAT({inner}, {value}), 256))), 256)"


def _postgres(rule: TypeRule, *, keyed: bool) -> str:
    value = rule.text if rule.is_bytes else f"convert_to({rule.text}, 'UTF8')"
    if not keyed:
        return f"encode(sha256({value}), 'hex')"
    inner, outer = (f"decode(current_setting('{name}'), 'hex')" for name in _POSTGRES_KEYS)
    return f"encode(sha256({outer} || sha256({inner} || {value})), 'hex')"
