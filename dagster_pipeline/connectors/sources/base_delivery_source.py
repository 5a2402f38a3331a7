"""The contract of a source that hands over whole deliveries: an object of a bucket, the answer of an API.

A delivery is read from its beginning to its end and is taken once. There are no keys to split by and no bounds to ask
for, which is what `base_source_connector` is about. What does not belong here: where the rows go.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from dagster_pipeline.connectors.batch import Batch, WireColumn
from dagster_pipeline.connectors.closing import Closing

ANSWERS = "answers"
"""Name of the one delivery of an API, whose answers of one run are taken together."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that arrived, or can be asked for, as a whole.

    Attributes:
        name: names it for ever, e.g. an object's key; two deliveries of one name are two versions of one thing.
        identity: changes whenever the content does, e.g. ETag and size.
        bytes: size where it is stored; 0 when unknown.
    """

    name: str
    identity: str
    bytes: int = 0


@dataclass(slots=True)
class Findings:
    """What was seen while a delivery was read, complete when its stream has ended.

    Attributes:
        rejected: rows that were left out because they could not be read, within what the file allows.
        notes: sentences for the run's log.
    """

    rejected: int = 0
    notes: list[str] = field(default_factory=list)


class BaseDeliverySource(Closing):
    """One place that deliveries come from. `stream` may be called from several threads at once.

    Every method raises `ConfigurationError`, `RetriableError`, `FatalError` or `DataQualityError`, never a library's own.
    """

    @property
    @abstractmethod
    def columns(self) -> tuple[WireColumn, ...]:
        """What the wire carries, in order; the wire format is an Arrow stream."""

    @abstractmethod
    def deliveries(self) -> Iterable[Delivery]:
        """What there is now. Reads names only; in no particular order of importance but always the same one."""

    @abstractmethod
    def stream(
        self, delivery: Delivery, findings: Findings
    ) -> AbstractContextManager[Generator[Batch, None, None]]:
        """Open a delivery's rows: batches that joined are one Arrow stream, the same ones for the same identity.

        Memory is bounded whatever the delivery's size. Raises `RetriableError` when it is not (or no longer) what its
        identity says, and `DataQualityError` when a value is not what its column declares.
        """
