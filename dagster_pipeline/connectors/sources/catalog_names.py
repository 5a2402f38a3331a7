"""What to say when a table is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError


def missing_table(
    wanted: str, *, existing: Iterable[str], url: DatabaseUrl, grant: str
) -> ConfigurationError:
    """The error for a table that the catalog does not show to our user."""
    nearest = difflib.get_close_matches(wanted, sorted(existing), n=3, cutoff=0.5)
    similar = f" Did you mean {' or '.join(nearest)}?" if nearest else ""
    return ConfigurationError(
        f"{url.redacted} has no table {wanted} that user {url.user!r} may see.{similar}",
        todo=f"Correct source in the table's file, or {grant}",
    )
