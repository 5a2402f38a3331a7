"""The state store: cursors, the chunk ledger, locks."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager


class StateResource(dg.ConfigurableResource[StateManager]):
    """Opens the store that `STATE_URL` names; a SQLite file in `DAGSTER_HOME` when it names none."""

    @contextmanager
    def open(self) -> Generator[StateManager, None, None]:
        """A store, closed at the end. Raises `ConfigurationError` when the URL is wrong."""
        state = StateManager(Settings.from_environment().state_url())
        try:
            yield state
        finally:
            state.close()
