"""From a file's keys and an address to a sink. Imports no driver by itself: who lacks it is told which extra to install."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_pipeline.connectors.sink.bigquery.place import BigQueryPlace
from dagster_pipeline.database_url import DatabaseUrl
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.export_sink_bigquery import BigQueryExportSink

if TYPE_CHECKING:
    from dagster_pipeline.connectors.sink.bigquery.sink import BigQuerySink


def bigquery_sink(keys: BigQueryExportSink, url: DatabaseUrl) -> BigQuerySink:
    """Nothing is connected yet. Raises `ConfigurationError` for a wrong address, or when the extra is not installed."""
    place = BigQueryPlace(url)
    try:
        from dagster_pipeline.connectors.sink.bigquery.sink import BigQuerySink  # noqa: PLC0415 -- only when used
        from dagster_pipeline.connectors.sink.bigquery.table_shape import Layout  # noqa: PLC0415
    except ImportError as error:
        if not (error.name or "").startswith("google"):
            raise
        raise ConfigurationError(
            "Exports into BigQuery need the package google-cloud-bigquery.",
            todo="Install dagster-pipeline[bigquery].",
        ) from None
    cut = keys.partition_by
    layout = Layout(
        partition_by=cut.column if cut else "",
        every=cut.every.upper() if cut else "DAY",
        cluster_by=keys.cluster_by,
    )
    return BigQuerySink(place, dataset=keys.dataset, table=keys.table, location=keys.location, layout=layout)
