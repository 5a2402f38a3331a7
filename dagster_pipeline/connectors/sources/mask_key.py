"""The mask key on its way into a source session."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.models import Dialect
from dagster_pipeline.type_mapper.mapping import ColumnMapping
from dagster_pipeline.type_mapper.masks import needs_mask_key, session_statements


def mask_statements(
    dialect: Dialect, mappings: Sequence[ColumnMapping], mask_key: str | None
) -> tuple[str, ...]:
    """What to run before reading these columns; nothing where no keyed mask is among them.

    Raises `ConfigurationError` when a keyed mask has no key. The statements hold the key: never log them.
    """
    if not needs_mask_key(mappings):
        return ()
    if not mask_key:
        raise ConfigurationError("A column has mask hmac_sha256 and there is no key.", todo="Set MASK_KEY.")
    return session_statements(dialect, mask_key)
