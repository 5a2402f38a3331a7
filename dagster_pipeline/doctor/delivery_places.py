"""Where deliveries come from: buckets, APIs and other ClickHouses. Each is asked what a run would ask, for next to nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import TypeVar

from dagster_pipeline.connections import (
    bucket_url,
    open_api_source,
    open_clickhouse_source,
    other_clickhouse_url,
)
from dagster_pipeline.doctor.deadline import Examination
from dagster_pipeline.doctor.diagnosis import Diagnosis, Level
from dagster_pipeline.doctor.judgement import is_local, of_server
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.api_models import ApiFile
from dagster_pipeline.schema.clickhouse_models import ClickHouseFile
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.schema.s3_models import S3File
from dagster_pipeline.schema_tree import SchemaTree
from dagster_pipeline.settings import Settings

F = TypeVar("F", S3File, ClickHouseFile)


def delivery_examinations(settings: Settings, tree: SchemaTree, wait: int) -> dict[str, Examination]:
    """One for each bucket and each ClickHouse, and one for each file about an API: they share no more than an address."""
    return {
        **{
            f"s3/{connection}": partial(_bucket, settings, connection, files)
            for connection, files in _by_connection(tree.s3).items()
        },
        **{f"api/{file.name}": partial(_api, settings, file) for file in tree.apis if file.value.enabled},
        **{
            f"clickhouse/{connection}": partial(_clickhouse, settings, connection, files, wait)
            for connection, files in _by_connection(tree.clickhouse).items()
        },
    }


def _by_connection(files: Iterable[KindFile[F]]) -> dict[str, list[KindFile[F]]]:
    found: dict[str, list[KindFile[F]]] = {}
    for file in files:
        if file.value.enabled:
            found.setdefault(file.value.source.connection, []).append(file)
    return found


def _bucket(settings: Settings, connection: str, files: Sequence[KindFile[S3File]]) -> Iterator[Diagnosis]:
    from dagster_pipeline.connectors.sources.s3.inspector import (  # noqa: PLC0415 -- only when used
        NeededObjects,
        inspect_bucket,
    )

    url = bucket_url(settings, connection)
    needed = [NeededObjects(file.value.source.prefix, file.value.source.pattern) for file in files]
    yield from of_server(f"s3/{connection}", inspect_bucket(url, needed=needed), is_local=is_local(url))


def _api(settings: Settings, file: KindFile[ApiFile]) -> Iterator[Diagnosis]:
    with closing(open_api_source(settings, file.value, name=file.name, is_impatient=True)) as source:
        records = source.first_records()
    what = f"The API lets us in; its first page has {records:,} record(s)."
    yield Diagnosis(f"api/{file.name}", "connection", Level.OK, what, facts={"records": records})


def _clickhouse(
    settings: Settings, connection: str, files: Sequence[KindFile[ClickHouseFile]], wait: int
) -> Iterator[Diagnosis]:
    from dagster_pipeline.connectors.sources.clickhouse.inspector import (  # noqa: PLC0415 -- only when used
        inspect_other_clickhouse,
    )

    subject = f"clickhouse/{connection}"
    url = other_clickhouse_url(settings, connection)
    facts = inspect_other_clickhouse(url, seconds=wait)
    yield from of_server(subject, facts, is_local=is_local(url), examines_rights=False)
    for file in files:
        with closing(open_clickhouse_source(settings, file.value, comment="doctor")) as source:
            try:
                source.try_out(seconds=wait)
            except ConfigurationError as error:
                what = f"clickhouse/{file.name}: {error.what}"
                yield Diagnosis(subject, "query", Level.FAIL, what, error.todo)
            else:
                yield Diagnosis(subject, "query", Level.OK, f"clickhouse/{file.name} can be read.")
