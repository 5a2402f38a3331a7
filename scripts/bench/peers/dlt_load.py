"""One table through dlt, with its fastest backend for SQL databases (ConnectorX).

dlt runs its small statements over ClickHouse's native protocol and its data over HTTP. The bench's warehouse speaks
HTTP only, so the small statements are sent over HTTP too; the data go the way that dlt sends them.
"""

import json
import os
import re
import sys
import time

import clickhouse_connect
from clickhouse_driver.dbapi import OperationalError

job = json.loads(sys.argv[1])


class Cursor:
    """As much of clickhouse-driver's cursor as dlt uses."""

    def __init__(self, client):
        self._client = client
        self.rowcount = -1
        self.description = None
        self._rows = []

    def set_query_id(self, query_id):
        pass

    def set_settings(self, settings):
        pass

    def execute(self, sql, parameters=None):
        if parameters:
            values = parameters.values() if isinstance(parameters, dict) else parameters
            for name, value in parameters.items() if isinstance(parameters, dict) else ():
                sql = sql.replace(f"%({name})s", literal(value))
            for value in values:
                sql = sql.replace("%s", literal(value), 1)
        try:
            self._send(sql)
        except clickhouse_connect.driver.exceptions.Error as error:
            code = re.search(r"Code: \d+\..*", str(error), re.S)  # dlt looks for it at the start
            raise OperationalError(code[0] if code else str(error)) from error

    def _send(self, sql):
        if re.match(r"\s*(SELECT|SHOW|DESCRIBE|EXISTS|WITH)", sql, re.I):
            found = self._client.query(sql)
            self.description = [(name, None, None, None, None, None, None) for name in found.column_names]
            self._rows = [tuple(row) for row in found.result_rows]
        else:
            self._client.command(sql)
            self.description, self._rows = None, []

    def fetchall(self):
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self):
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size):
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Connection:
    """As much of clickhouse-driver's connection as dlt uses."""

    def __init__(self):
        self._client = clickhouse_connect.get_client(host=job["http_host"], port=job["http_port"])

    def cursor(self, *_args, **_options):
        return Cursor(self._client)

    def close(self):
        self._client.close()

    def commit(self):
        pass

    def rollback(self):
        pass


def literal(value):
    """A value as ClickHouse writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text[:19] if hasattr(value, 'isoformat') else text}'"


import clickhouse_driver

clickhouse_driver.connect = lambda *_args, **_options: Connection()

import dlt
from dlt.sources.sql_database import sql_table

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
os.environ["NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION"] = (
    "true"  # the front reads no gzip that is not announced
)
url = job["source"].replace("mysql://", "mysql+pymysql://").replace("postgresql://", "postgresql+psycopg2://")
incremental = dlt.sources.incremental("updated_at")
table = sql_table(
    credentials=url,
    table=job["table"],
    schema="public" if job["dialect"] == "postgres" else None,
    backend="connectorx",
    incremental=incremental,
    backend_kwargs={"conn": job["source"], "return_type": "arrow_stream"},
)
table.apply_hints(primary_key="id")
pipeline = dlt.pipeline(
    f"bench_{job['dialect']}_{job['table']}",
    pipelines_dir=f"{job['home']}/pipelines",
    destination=dlt.destinations.clickhouse(
        credentials={
            "host": job["http_host"],
            "port": 9000,
            "http_port": job["http_port"],
            "username": "default",
            "password": "",
            "database": job["database"],
            "secure": 0,
        }
    ),
    dataset_name="d",
)
began = time.monotonic()
if job["incremental"]:
    pipeline.run(table, write_disposition="merge")
else:
    pipeline.drop()
    pipeline.run(table, write_disposition="replace", refresh="drop_sources")
seconds = time.monotonic() - began
print(json.dumps({"seconds": seconds, "loaded": f"{job['database']}.d___{job['table']}"}))
