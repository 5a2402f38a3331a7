"""ClickHouse's error codes as errors of ours; the texts are ClickHouse's own."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from dagster_pipeline.connectors.sink.clickhouse.errors import (
    CONFIGURATION,
    RETRIABLE,
    VALUES,
    Task,
    translate,
)
from dagster_pipeline.errors import (
    ConfigurationError,
    DataQualityError,
    FatalError,
    PipelineError,
    RetriableError,
)


def translated(
    code: int | None, text: str = "", *, task: Task = Task.READ, name: str | None = None
) -> PipelineError:
    return translate(
        DatabaseError(text, code=code, name=name),
        task=task,
        doing="Writing into shop.orders",
        where="http://me@host:8123/",
        variable="CLICKHOUSE_URL",
    )


@pytest.mark.parametrize("code", [159, 202, 209, 210, 241, 242, 252, 279, 285, 319, 999])
@pytest.mark.parametrize("task", list(Task))
def test_what_passes_may_be_tried_again(code: int, task: Task) -> None:
    error = translated(code, f"Code: {code}. DB::Exception: Oh", task=task, name="NAME")
    assert isinstance(error, RetriableError)
    assert error.code == str(code)
    assert f"{code} NAME" in str(error)
    assert "shop.orders" in str(error)


@pytest.mark.parametrize("code", [60, 81, 192, 193, 194, 497, 516, 701])
def test_what_somebody_must_set_right_says_what(code: int) -> None:
    error = translated(code, f"Code: {code}. DB::Exception: Oh")
    assert isinstance(error, ConfigurationError)
    assert error.todo


def test_no_code_has_two_meanings() -> None:
    assert not set(RETRIABLE) & set(CONFIGURATION)
    assert not set(RETRIABLE) & set(VALUES)
    assert not set(CONFIGURATION) & set(VALUES)


def test_a_full_disk_is_named() -> None:
    text = "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space on disk `fast`. (NOT_ENOUGH_SPACE)"
    error = translated(243, text, task=Task.WRITE)
    assert isinstance(error, FatalError)
    assert "the disk fast" in str(error)
    assert error.code == "243"


def test_an_unknown_code_is_fatal_with_code_and_name() -> None:
    error = translated(
        4711, "Code: 4711. DB::Exception: Value 'secret' is \"odd\". (ODD_VALUE)", name="ODD_VALUE"
    )
    assert isinstance(error, FatalError)
    assert str(error).endswith("failed (ClickHouse 4711 ODD_VALUE): Value … is ….")


def test_a_shape_that_is_refused_is_the_files_fault() -> None:
    error = translated(50, "Code: 50. DB::Exception: Unknown data type family: Integr.", task=Task.SHAPE)
    assert isinstance(error, ConfigurationError)
    assert "Integr" in str(error)


@pytest.mark.parametrize("code", sorted({*VALUES, 48, 49, 1001}))
def test_a_refused_write_repeats_nothing_that_may_be_a_row(code: int) -> None:
    text = (
        f"Code: {code}. DB::Exception: Cannot parse 'private': (at row 17)\n: \nRow 16:\n"
        'Column 0,   name: id,   type: Int64,  parsed text: "private"\n'
        'Column 1,   name: a b,  type: Int64,  parsed text: "private"ERROR\nprivate\n'
        ": While executing private"
    )
    error = translated(code, text, task=Task.WRITE)
    assert "private" not in str(error)
    if code in VALUES:
        assert isinstance(error, DataQualityError)
        assert "column a b in row 17" in str(error)


def test_a_broken_connection_may_be_tried_again() -> None:
    cause = ConnectionResetError(104, "Connection reset by peer")
    error = OperationalError("Error executing HTTP request")
    error.__cause__ = cause
    found = translate(
        error, task=Task.WRITE, doing="Writing", where="http://me@host/", variable="CLICKHOUSE_URL"
    )
    assert isinstance(found, RetriableError)
    assert "Connection reset by peer" in str(found)
