"""A process that exports one row: `python -m tests.integration.exports.bigquery.export_process ENDPOINT WHAT`.

`stage` ends after staging without closing anything; `all` stages and publishes.
"""

import os
import signal
import sys

from dagster_pipeline.connectors.sink.base_export_sink import ExportMode
from dagster_pipeline.connectors.sink.bigquery.place import BigQueryPlace
from dagster_pipeline.connectors.sink.bigquery.sink import BigQuerySink
from dagster_pipeline.database_url import DatabaseUrl
from tests.integration.exports.bigquery.accounts import batch, export

if __name__ == "__main__":
    endpoint, what = sys.argv[1:]
    url = DatabaseUrl.parse(f"bigquery://acme?endpoint={endpoint}", variable="", schemes=("bigquery",))
    sink, of = (
        BigQuerySink(BigQueryPlace(url), dataset="sales", table="accounts"),
        export(mode=ExportMode.APPEND),
    )
    sink.stage(of, [batch((1, "once", None))])
    if what == "stage":
        os.kill(os.getpid(), signal.SIGKILL)
    sink.publish(of)
