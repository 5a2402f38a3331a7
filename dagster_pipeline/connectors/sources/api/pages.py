"""From the first page to the last, and never round and round."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping
from typing import Any
from urllib.parse import urljoin

import jmespath
from jmespath.exceptions import JMESPathError

from dagster_pipeline.connectors.sources.api.client import Answer
from dagster_pipeline.errors import ConfigurationError, DataQualityError
from dagster_pipeline.schema.api_models import (
    ApiSource,
    CursorPages,
    LinkedPages,
    NumberedPages,
    OffsetPages,
)

Get = Callable[[str, Mapping[str, Any]], Answer]
Records = list[Any]


def records_of_pages(
    source: ApiSource, get: Get, *, first_url: str, parameters: Mapping[str, Any]
) -> Generator[Records, None, None]:
    """The records of each page. Raises `DataQualityError` for a page that came before, or when there is no end.

    `get` asks for one page; `parameters` are those of the first request beyond the file's own.
    """
    url, asked = first_url, {**source.parameters, **parameters, **_of_the_first(source)}
    seen: set[bytes] = set()
    for number in range(1, source.max_pages + 1):
        answer = get(url, asked)
        records = found_records(source.records, answer.document)
        if records:
            _refuse_repetition(records, seen, number)
            yield records
        following = _following(source, answer, records, url, asked)
        if following is None:
            return
        url, asked = following
    raise DataQualityError(
        f"The API has more pages than source.max_pages, {source.max_pages:,}.",
        todo="Nothing was taken. Raise it when that is right, or correct source.pages.",
    )


def found_records(path: str, document: Any) -> Records:
    """The list of records. Raises `ConfigurationError` when the path leads to anything else."""
    found = search(path, document)
    if isinstance(found, list):
        return found
    keys = (
        f"; the answer has {', '.join(sorted(map(str, document))[:20])}" if isinstance(document, dict) else ""
    )
    raise ConfigurationError(
        f"source.records is {path!r}, which leads to {type(found).__name__} and not to a list{keys}.",
        todo="Write the path of the list of records, e.g. data.items.",
    )


def search(path: str, document: Any) -> Any:
    """What stands at a JMESPath (jmespath.org/specification.html). Raises `ConfigurationError` for one that is none."""
    try:
        return jmespath.search(path, document)
    except JMESPathError as error:
        raise ConfigurationError(
            f"{path!r} is no JMESPath.",
            todo="Write e.g. user.address.city, with quotes around unusual names.",
        ) from error


def _of_the_first(source: ApiSource) -> dict[str, Any]:
    match source.pages:
        case NumberedPages(parameter=parameter, first=first):
            return {parameter: first}
        case OffsetPages(parameter=parameter, limit_parameter=limit_parameter, limit=limit):
            return {parameter: 0, limit_parameter: limit}
    return {}


def _following(
    source: ApiSource, answer: Answer, records: Records, url: str, asked: dict[str, Any]
) -> tuple[str, dict[str, Any]] | None:
    """Where the next page is; `None` after the last."""
    match source.pages:
        case NumberedPages(parameter=parameter) if records:
            return url, {**asked, parameter: asked[parameter] + 1}
        case OffsetPages(parameter=parameter) if records:
            return url, {**asked, parameter: asked[parameter] + len(records)}
        case CursorPages(path=path, parameter=parameter):
            cursor = search(path, answer.document)
            if cursor not in (None, "", False):
                if asked.get(parameter) == cursor:
                    raise DataQualityError(
                        "The API names the page that it has just given as the next one, so it would never end.",
                        todo="Nothing was taken. Check source.pages: path and parameter.",
                    )
                return url, {**asked, parameter: cursor}
        case LinkedPages() if answer.next_link:
            return urljoin(url, answer.next_link), {}  # a link has all its parameters
    return None


def _refuse_repetition(records: Records, seen: set[bytes], number: int) -> None:
    mark = hashlib.sha256(repr(records).encode()).digest()
    if mark in seen:
        raise DataQualityError(
            f"Page {number:,} of the API holds the same records as one before it, so it would never end.",
            todo="Nothing was taken. Check source.pages: the API may not know its parameter.",
        )
    seen.add(mark)
