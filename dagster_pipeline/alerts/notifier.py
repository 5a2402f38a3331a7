"""The contract of a channel: what the alert manager asks of Slack and e-mail."""

from __future__ import annotations

from abc import ABC, abstractmethod

from dagster_pipeline.alerts.message import Delivery
from dagster_pipeline.errors import PipelineError


class NotifierError(PipelineError):
    """A channel did not take a message. Its text holds no secret.

    Attributes:
        wait_seconds: the channel asked for this much patience; 0 when it did not.
    """

    def __init__(self, what: str, *, todo: str = "", wait_seconds: float = 0.0) -> None:
        super().__init__(what, todo=todo)
        self.wait_seconds = wait_seconds


class Notifier(ABC):
    """Sends messages by one channel."""

    @abstractmethod
    def send(self, delivery: Delivery) -> None:
        """Return when the channel took the message. Raises `NotifierError` when it did not."""
