"""Objects that the warehouse reads by itself: what it read is only kept when the object is still what was listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dagster_pipeline.connectors.object_place import ObjectPlace
from dagster_pipeline.connectors.sink.base_sink_connector import WriteRequest
from dagster_pipeline.connectors.sink.landing_sink import LandingSink
from dagster_pipeline.connectors.sources.base_delivery_source import Delivery


class PlacedObjects(Protocol):
    """A source whose deliveries a warehouse can reach."""

    def place(self, delivery: Delivery) -> ObjectPlace:
        """Where the delivery is."""

    def confirm(self, delivery: Delivery) -> None:
        """Raise `RetriableError` when it is not what was listed any more."""


def object_reader(source: PlacedObjects, sink: LandingSink) -> Callable[[Delivery, WriteRequest], int]:
    """Reads one delivery into a staging table and returns its rows."""

    def read(delivery: Delivery, request: WriteRequest) -> int:
        source.confirm(delivery)
        receipt = sink.read_object(request, source.place(delivery))
        source.confirm(
            delivery
        )  # an object that was replaced meanwhile has another ETag; the staging table is dropped
        return receipt.rows

    return read
