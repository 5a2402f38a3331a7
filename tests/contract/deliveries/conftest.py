"""One S3 server for all of them, an empty bucket for each test, and tables that objects land in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.servers.s3 import running_s3
from tests.contract.deliveries.lake import Lake

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    with running_s3() as url:
        yield url


@pytest.fixture
def lake(s3_server: str, tmp_path: Path) -> Iterator[Lake]:
    with Lake(f"{s3_server}bucket-{next(_numbers)}", tmp_path) as lake:
        yield lake
