"""Masks: a personal value is made unreadable at the source, so its clear text never leaves it.

sha256 and hmac_sha256 give 64 lower-case hexadecimal digits of the value's UTF-8 text (of the bytes for binary types),
the same on every dialect for the same text. HMAC (RFC 2104) keeps its key out of the statement: the connector puts
the two padded keys into the session with `session_statements`, and the statement only names them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from dagster_pipeline.schema.models import Dialect, Mask
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.type_rule import TypeRule

_BLOCK_BYTES = 64
_INNER_PAD, _OUTER_PAD = 0x36, 0x5C
_VARIABLES = {
    "mysql": ("@dagster_mask_key_inner", "@dagster_mask_key_outer"),
    "postgres": ("dagster.mask_key_inner", "dagster.mask_key_outer"),
}
_USED = re.compile(r"(?:@dagster_|dagster\.)mask_key_inner(?:_([a-z0-9_]+))?\b")


def masked(rule: TypeRule, mask: Mask, dialect: Dialect, *, key: str = "") -> TypeRule:
    """The rule of a masked column: always a String, NULL stays NULL. `key` names the key of a keyed mask."""
    if mask is Mask.REDACT:
        read = "CASE WHEN {column} IS NOT NULL THEN 'redacted' END"
    elif dialect == "mysql":
        read = _mysql(rule, _variables(dialect, key) if mask is Mask.HMAC_SHA256 else None)
    else:
        read = _postgres(rule, _variables(dialect, key) if mask is Mask.HMAC_SHA256 else None)
    return TypeRule("String", read, read=read)


def needed_mask_keys(mappings: Iterable[ColumnMapping]) -> tuple[str, ...]:
    """Names of the keys that columns are read with, the unnamed one is ''; `session_statements` must run first for each."""
    found = (_USED.search(mapping.read) for mapping in mappings)
    return tuple(sorted({match[1] or "" for match in found if match}))


def session_statements(dialect: Dialect, mask_key: str, *, name: str = "") -> tuple[str, ...]:
    """What a connector runs on a session before it reads keyed columns. They hold the key: never log them.

    The UTF-8 bytes of `mask_key` are the HMAC key, whatever their number; `name` is the key's name in files.
    """
    key = mask_key.encode()
    key = hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key
    padded = [
        bytes(byte ^ pad for byte in key.ljust(_BLOCK_BYTES, b"\0")).hex() for pad in (_INNER_PAD, _OUTER_PAD)
    ]
    named = zip(_variables(dialect, name), padded, strict=True)
    if dialect == "mysql":
        return tuple(f"SET {variable} = 0x{value}" for variable, value in named)
    return tuple(f"SELECT set_config('{variable}', '{value}', false)" for variable, value in named)


def _variables(dialect: Dialect, key: str) -> tuple[str, str]:
    """The session's names of one key's two padded forms."""
    inner, outer = _VARIABLES[dialect]
    return (f"{inner}_{key}", f"{outer}_{key}") if key else (inner, outer)


def _mysql(rule: TypeRule, variables: tuple[str, str] | None) -> str:
    value = rule.text if rule.is_bytes else f"CONVERT({rule.text} USING utf8mb4)"
    if variables is None:
        return f"SHA2({value}, 256)"
    inner, outer = variables
    return f"SHA2(CONCAT({outer}, UNHEX(SHA2(CONCAT({inner}, {value}), 256))), 256)"


def _postgres(rule: TypeRule, variables: tuple[str, str] | None) -> str:
    value = rule.text if rule.is_bytes else f"convert_to({rule.text}, 'UTF8')"
    if variables is None:
        return f"encode(sha256({value}), 'hex')"
    inner, outer = (f"decode(current_setting('{name}'), 'hex')" for name in variables)
    return f"encode(sha256({outer} || sha256({inner} || {value})), 'hex')"
