"""The state store: cursors, the chunk ledger, locks."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

from dagster_pipeline.connections import open_state
from dagster_pipeline.resources.kept_open import KeptOpen
from dagster_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster_pipeline.state.state_manager import StateManager

LINGER_SECONDS = 10.0


class StateResource(dg.ConfigurableResource[Any]):  # Any: the store is imported when it is opened
    """Opens the store that `STATE_URL` names; a SQLite file in `DAGSTER_HOME` when it names none."""

    _kept: KeptOpen[StateManager] = PrivateAttr(
        default_factory=lambda: KeptOpen(linger_seconds=LINGER_SECONDS)
    )

    @contextmanager
    def open(self) -> Generator[StateManager, None, None]:
        """A store, which other steps of the run may be using too. Raises `ConfigurationError` when the URL is wrong."""
        settings = Settings.from_environment()
        with self._kept.lent(settings.state_url().raw, lambda: open_state(settings)) as state:
            yield state

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close it with the run."""
        del context
        self._kept.close()
