"""The state store: cursors, the chunk ledger, locks."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from dagster_pipeline.resources.kept_open import KeptOpen
from dagster_pipeline.settings import Settings
from dagster_pipeline.state.state_manager import StateManager

LINGER_SECONDS = 10.0


class StateResource(dg.ConfigurableResource[StateManager]):
    """Opens the store that `STATE_URL` names; a SQLite file in `DAGSTER_HOME` when it names none."""

    _kept: KeptOpen[StateManager] = PrivateAttr(
        default_factory=lambda: KeptOpen(linger_seconds=LINGER_SECONDS)
    )

    @contextmanager
    def open(self) -> Generator[StateManager, None, None]:
        """A store, which other steps of the run may be using too. Raises `ConfigurationError` when the URL is wrong."""
        url = Settings.from_environment().state_url()
        with self._kept.lent(url.raw, lambda: StateManager(url)) as state:
            yield state

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close it with the run."""
        del context
        self._kept.close()
