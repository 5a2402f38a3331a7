"""The mask keys on their way into a source session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.models import Dialect
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.masks import needed_mask_keys, session_statements

MaskKeys = str | Mapping[str, str] | None
"""The one key without a name; or keys by the names that files give them, the unnamed one under ''."""


def mask_statements(
    dialect: Dialect, mappings: Sequence[ColumnMapping], mask_keys: MaskKeys
) -> tuple[str, ...]:
    """What to run before reading these columns; nothing where no keyed mask is among them.

    Raises `ConfigurationError` when a keyed mask has no key. The statements hold the key: never log them.
    """
    keys = {"": mask_keys} if isinstance(mask_keys, str) else mask_keys or {}
    statements: list[str] = []
    for name in needed_mask_keys(mappings):
        if not keys.get(name):
            variable = f"MASK_KEY_{name.upper()}" if name else "MASK_KEY"
            raise ConfigurationError(
                "A column has mask hmac_sha256 and there is no key.", todo=f"Set {variable}."
            )
        statements += session_statements(dialect, keys[name], name=name)
    return tuple(statements)
