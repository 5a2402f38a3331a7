"""One table of BigQuery as the destination of an export.

Staging: rows go as Parquet through load jobs into a table of this attempt, which nobody else writes, and one copy job makes
it the staged table. So the staged table is there as a whole or not at all, also when a load of an attempt that was killed is
still under way. Publishing is one job whose id is made of the load's: repeated, the id says that it ran (see `jobs`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from functools import cached_property

import pyarrow as pa
from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from dagster_pipeline.connectors.sink.base_export_sink import (
    GONE_COLUMN,
    BaseExportSink,
    Export,
    ExportMode,
    Published,
    Staged,
)
from dagster_pipeline.connectors.sink.bigquery.column_types import REQUIRED, StoredColumn
from dagster_pipeline.connectors.sink.bigquery.errors import bigquery_errors
from dagster_pipeline.connectors.sink.bigquery.jobs import FIRST_RETRY, REQUEST_SECONDS, RETRY, Jobs
from dagster_pipeline.connectors.sink.bigquery.parquet_files import ParquetFile, parquet_files
from dagster_pipeline.connectors.sink.bigquery.place import BigQueryPlace
from dagster_pipeline.connectors.sink.bigquery.statements import merge, repeated_keys
from dagster_pipeline.connectors.sink.bigquery.table_shape import (
    Layout,
    Shape,
    destination_table,
    shape_of,
    staging_table,
)
from dagster_pipeline.errors import ConfigurationError, DataQualityError, FatalError, RetriableError

FILE_BYTES = 64 << 20
"""Of one load job. The client reads up to 100 MB at once; a table takes 1,500 loads a day."""
ATTEMPT_DAYS = 1.0
STAGED_DAYS = 30.0
"""How long a run that failed can be gone on with."""
_GONE = StoredColumn(GONE_COLUMN, "INT64", REQUIRED, pa.int64())


class BigQuerySink(BaseExportSink):
    """Writes one table. `location` and `layout` are what the file says; `file_bytes` is smaller in tests."""

    def __init__(
        self,
        place: BigQueryPlace,
        *,
        dataset: str,
        table: str,
        location: str | None = None,
        layout: Layout | None = None,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self._place = place
        self._dataset = bigquery.DatasetReference(place.project, dataset)
        self._target = self._dataset.table(table)
        self._wanted_location = location or place.location
        self._layout = layout or Layout()
        self._file_bytes = file_bytes

    def check(self, export: Export) -> tuple[str, ...]:
        """See the base: column types, dataset, table, and that jobs may be run."""
        doing = f"Checking {self._target}"
        shape = shape_of(export, self._target, self._existing(doing), self._layout)
        with bigquery_errors(doing):
            self._place.client.query(
                "SELECT 1",
                job_config=bigquery.QueryJobConfig(dry_run=True),
                location=self._location,
                retry=RETRY,
                timeout=REQUEST_SECONDS,
            )
        return shape.notes

    def stage(self, export: Export, batches: Iterable[pa.RecordBatch]) -> Staged:
        """See the base: load jobs into a table of this attempt, then one copy."""
        doing = f"Staging {self._target}"
        existing = self._existing(doing)
        shape = shape_of(export, self._target, existing, self._layout)
        attempt = secrets.token_hex(4)
        loaded = self._dataset.table(f"{self._loaded_prefix(export)}{attempt}")
        like = self._like(export, existing, shape)
        with bigquery_errors(doing):
            self._place.client.create_table(
                staging_table(loaded, shape, like, days=ATTEMPT_DAYS),
                exists_ok=True,  # when the answer to the first request was lost
                retry=RETRY,
                timeout=REQUEST_SECONDS,
            )
        columns = (*shape.columns, _GONE) if export.carries_deletions else shape.columns
        name = self._job_name(export, f"load_{attempt}")
        rows = size = 0
        files = parquet_files(batches, columns, key=export.key, file_bytes=self._file_bytes)
        for number, file in enumerate(files):
            self._load(f"{name}_{number}", file, loaded, shape, export)
            rows, size = rows + file.rows, size + file.bytes
        self._prove(export, loaded, rows, doing)
        staged = self._staged(export)
        self._copy(
            self._job_name(export, f"seal_{attempt}"), loaded, staged, "WRITE_TRUNCATE", export, doing=doing
        )
        with bigquery_errors(doing):
            kept = staging_table(staged, shape, None, days=STAGED_DAYS)
            self._place.client.update_table(kept, ["expires"], retry=RETRY, timeout=REQUEST_SECONDS)
            self._drop(loaded)
        return Staged(rows, size)

    def publish(self, export: Export) -> Published:
        """See the base: one copy job, or one MERGE."""
        doing = f"Publishing {self._target}"
        name = self._job_name(export, "publish")
        if not self._jobs.finished(name, doing=doing):
            self._prepare(export, doing)
            if export.mode is ExportMode.MERGE:
                self._merge(name, export, doing)
            else:
                how = "WRITE_TRUNCATE" if export.mode is ExportMode.REPLACE else "WRITE_APPEND"
                self._copy(name, self._staged(export), self._target, how, export, doing=doing)
        with bigquery_errors(doing):
            self._drop(self._staged(export))
        table = self._existing(doing)
        return Published(f"bigquery://{self._target}", None if table is None else table.num_rows)

    def discard(self, export: Export) -> None:
        """See the base: the staged table, and those of attempts that were killed."""
        with bigquery_errors(f"Removing what was staged for {self._target}"):
            self._drop(self._staged(export))
            there = self._place.client.list_tables(self._dataset, retry=RETRY, timeout=REQUEST_SECONDS)
            for each in [each.reference for each in there]:
                if each.table_id.startswith(self._loaded_prefix(export)):
                    self._drop(each)

    def close(self) -> None:
        """See the base."""
        if "client" in vars(self._place):
            self._place.client.close()  # type: ignore[no-untyped-call]  # the client leaves it untyped

    @cached_property
    def _location(self) -> str:
        """Where the dataset is, and so its jobs. Raises `ConfigurationError` for a dataset that is elsewhere or nowhere."""
        with bigquery_errors(f"Asking for the dataset {self._dataset}"):
            found = self._place.client.get_dataset(self._dataset, retry=FIRST_RETRY, timeout=REQUEST_SECONDS)
        location, wanted = str(found.location), self._wanted_location
        if wanted and wanted.lower() != location.lower():
            raise ConfigurationError(
                f"The dataset {self._dataset} is in {location}, not in {wanted}.",
                todo=f"Correct location in the export's file or in {self._place.url.variable}.",
            )
        return location

    @cached_property
    def _jobs(self) -> Jobs:
        return Jobs(self._place.client, location=self._location)

    def _staged(self, export: Export) -> bigquery.TableReference:
        return self._dataset.table(f"{self._target.table_id}__stage_{export.load_id}")

    def _loaded_prefix(self, export: Export) -> str:
        return f"{self._target.table_id}__load_{export.load_id}_"

    def _job_name(self, export: Export, what: str) -> str:
        return f"dagster_pipeline_{self._dataset.dataset_id}_{self._target.table_id}_{export.load_id}_{what}"

    def _existing(self, doing: str) -> bigquery.Table | None:
        _ = self._location  # the dataset is there
        with bigquery_errors(doing):
            try:
                return self._place.client.get_table(self._target, retry=RETRY, timeout=REQUEST_SECONDS)
            except NotFound:
                return None

    def _like(self, export: Export, existing: bigquery.Table | None, shape: Shape) -> bigquery.Table | None:
        """The table onto which the staged one is copied, as it is or will be."""
        if export.mode is ExportMode.MERGE:
            return None
        return existing or destination_table(self._target, shape, self._layout, description="")

    def _load(
        self, name: str, file: ParquetFile, into: bigquery.TableReference, shape: Shape, export: Export
    ) -> None:
        parquet = bigquery.ParquetOptions()  # type: ignore[no-untyped-call]  # the client leaves it untyped
        parquet.enable_list_inference = True
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            parquet_options=parquet,
            schema=shape.given,
            write_disposition="WRITE_APPEND",
            create_disposition="CREATE_NEVER",
            labels=_labels(export),
        )

        def begin(job_id: str) -> bigquery.LoadJob:
            return self._place.client.load_table_from_file(
                file.body,
                into,
                rewind=True,
                size=file.bytes,
                job_id=job_id,
                location=self._location,
                job_config=config,
                timeout=REQUEST_SECONDS,
            )

        job = self._jobs.once(name, begin, doing=f"Loading {self._target}", quote=False)
        if job.output_rows != file.rows:
            raise FatalError(
                f"Loading {self._target}: the job {job.job_id} says that it wrote {job.output_rows} rows of {file.rows}."
            )

    def _prove(self, export: Export, loaded: bigquery.TableReference, rows: int, doing: str) -> None:
        """Nothing was lost or doubled on the way, and a MERGE meets each key once."""
        with bigquery_errors(doing):
            found = self._place.client.get_table(loaded, retry=RETRY, timeout=REQUEST_SECONDS).num_rows
        if found != rows:
            raise RetriableError(f"{doing}: {rows} rows were loaded, and {found} are there.")
        if export.mode is not ExportMode.MERGE or not rows:
            return
        with bigquery_errors(doing):
            answer = self._place.client.query(
                repeated_keys(loaded, export.key),
                location=self._location,
                job_config=bigquery.QueryJobConfig(labels=_labels(export)),
                retry=RETRY,
                timeout=REQUEST_SECONDS,
            ).result(retry=RETRY)
            repeated = next(iter(answer))["repeated"]
        if repeated:
            raise DataQualityError(
                f"{doing}: {repeated} key(s) ({', '.join(export.key)}) stand in more than one row of the export.",
                todo="Write the columns that tell rows apart as the key.",
            )

    def _prepare(self, export: Export, doing: str) -> None:
        """The staged table is there, and the destination too."""
        with bigquery_errors(doing):
            try:
                self._place.client.get_table(self._staged(export), retry=RETRY, timeout=REQUEST_SECONDS)
            except NotFound:
                raise FatalError(
                    f"{doing}: what was staged is gone; it is kept for {STAGED_DAYS:g} days.",
                    todo="Start the export anew.",
                    code="notFound",
                ) from None
        if self._existing(doing) is None:
            shape = shape_of(export, self._target, None, self._layout)
            table = destination_table(self._target, shape, self._layout, description=export.description)
            with bigquery_errors(doing):
                self._place.client.create_table(table, exists_ok=True, retry=RETRY, timeout=REQUEST_SECONDS)

    def _merge(self, name: str, export: Export, doing: str) -> None:
        statement = merge(export, self._target, self._staged(export))
        config = bigquery.QueryJobConfig(labels=_labels(export))

        def begin(job_id: str) -> bigquery.QueryJob:
            return self._place.client.query(
                statement,
                job_id=job_id,
                location=self._location,
                job_config=config,
                retry=RETRY,
                job_retry=None,
                timeout=REQUEST_SECONDS,
            )

        self._jobs.once(name, begin, doing=doing)

    def _copy(
        self,
        name: str,
        source: bigquery.TableReference,
        onto: bigquery.TableReference,
        how: str,
        export: Export,
        *,
        doing: str,
    ) -> None:
        config = bigquery.CopyJobConfig(write_disposition=how, labels=_labels(export))

        def begin(job_id: str) -> bigquery.CopyJob:
            return self._place.client.copy_table(
                source,
                onto,
                job_id=job_id,
                location=self._location,
                job_config=config,
                retry=RETRY,
                timeout=REQUEST_SECONDS,
            )

        self._jobs.once(name, begin, doing=doing)

    def _drop(self, table: bigquery.TableReference) -> None:
        self._place.client.delete_table(table, not_found_ok=True, retry=RETRY, timeout=REQUEST_SECONDS)


def _labels(export: Export) -> dict[str, str]:
    """By which cost reports of the project tell our jobs."""
    return {"dagster_pipeline_load": export.load_id}
