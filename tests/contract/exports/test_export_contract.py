"""Every kind of sink keeps the contract: what was staged becomes visible once and as a whole."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.sink.base_export_sink import Export, ExportMode
from dagster_pipeline.connectors.sink.export_types import exported_columns, wire_schema
from dagster_pipeline.errors import DataQualityError, PipelineError
from dagster_pipeline.schema.export_mode import ExportMode as Mode
from tests.contract.exports.export_rig import COLUMNS, ExportRig

DAY, NEXT_DAY = "2026-01-01 10:00:00.000001", "2026-01-02 23:59:59.999999"


def test_replace_lands_every_row_and_again_the_same_rows(rig: ExportRig):
    rig.orders(rig.describe("replace"))
    rig.put((1, "one", "1.5", DAY), (2, None, "-0.0001", NEXT_DAY))
    result = rig.run()
    assert (result.rows, rig.seen()) == (2, rig.expected())
    rig.run()
    assert rig.seen() == rig.expected()
    rig.put((3, "three", "3", DAY))
    rig.run()
    assert [row[0] for row in rig.seen()] == [1, 2, 3]
    assert rig.case.leftovers() == []


def test_replace_takes_out_what_the_source_does_not_have(rig: ExportRig):
    export = rig.describe("replace")
    rig.orders(export)
    rig.put((1, "one", "1", DAY), (2, "two", "2", DAY))
    rig.run()
    rig.warehouse.run(f"TRUNCATE TABLE {rig.database}.orders", doing="Emptying")
    result = rig.run()
    assert (result.rows, rig.seen()) == (0, [])


@pytest.mark.parametrize("deletes", ["merge", "soft"])
def test_merge_updates_inserts_and_deletes(rig: ExportRig, deletes: str):
    rig.orders(rig.describe(deletes))
    rig.put((1, "one", "1", DAY), (2, "two", "2", NEXT_DAY), (3, "three", "3", DAY))
    rig.run()
    assert [row[:2] for row in rig.seen()] == [(1, "one"), (2, "two"), (3, "three")]
    rig.put((1, "uno", "1", DAY), (4, "four", "4", NEXT_DAY))
    rig.put((3, "three", "3", DAY), deleted=True)
    rig.run()
    assert [row[:2] for row in rig.seen()] == [(1, "uno"), (2, "two"), (4, "four")]
    rig.put((3, "again", "3", DAY))
    rig.run()
    assert [row[:2] for row in rig.seen()] == [(1, "uno"), (2, "two"), (3, "again"), (4, "four")]


def test_a_row_that_the_condition_does_not_take_any_more_leaves(rig: ExportRig):
    source = {"table": f"{rig.database}/orders", "where": "note != 'hidden'"}
    rig.orders(rig.describe("merge", source=source))
    rig.put((1, "one", "1", DAY), (2, "two", "2", DAY), (3, "hidden", "3", DAY))
    rig.run()
    assert [row[0] for row in rig.seen()] == [1, 2]
    rig.put((2, "hidden", "2", DAY), (3, "shown", "3", DAY))
    rig.run()
    assert [row[:2] for row in rig.seen()] == [(1, "one"), (3, "shown")]


def test_a_merge_with_nothing_new_does_nothing(rig: ExportRig):
    rig.orders(rig.describe("merge"))
    rig.put((1, "one", "1", DAY))
    rig.run()
    assert rig.run().load == ""
    assert rig.run(dry_run=True).rows == 0


def test_append_adds_each_row_once(rig: ExportRig):
    rig.orders(rig.describe("append"))
    rig.put((1, "one", "1", DAY), (2, None, "2", NEXT_DAY))
    rig.run()
    rig.put((3, "three", "3", DAY))
    assert rig.run().rows == 1
    assert rig.run().load == ""
    assert rig.seen() == rig.expected()


def test_rows_under_a_version_that_may_still_grow_wait(rig: ExportRig):
    rig.orders(rig.describe("append"))
    rig.put((1, "one", "1", DAY))
    rig.put((2, "two", "2", DAY), settled=False)
    assert rig.run().rows == 1
    assert [row[0] for row in rig.seen()] == [1]


def test_a_full_refresh_exchanges_what_is_there(rig: ExportRig):
    rig.orders(rig.describe("append"))
    rig.put((1, "one", "1", DAY), (2, "two", "2", DAY))
    rig.run()
    rig.warehouse.run(f"DELETE FROM {rig.database}.orders WHERE id = 1", doing="Deleting")
    result = rig.run(full_refresh=True)
    assert (result.mode, [row[0] for row in rig.seen()]) == (Mode.REPLACE, [2])


def test_an_empty_export_is_one(rig: ExportRig):
    rig.orders(rig.describe("replace"))
    assert (rig.run().rows, rig.seen()) == (0, [])


def _export(mode: ExportMode) -> Export:
    described = [("id", "Int64", ""), ("note", "Nullable(String)", "")]
    key = ("id",) if mode is ExportMode.MERGE else ()
    return Export(uuid.uuid4().hex[:12], exported_columns(described), mode, key, comment="test")


def _batches(export: Export, *ids: int) -> Iterator[pa.RecordBatch]:
    for number in ids:
        yield pa.RecordBatch.from_pydict({"id": [number], "note": [f"n{number}"]}, schema=wire_schema(export))


@pytest.fixture
def plain(rig: ExportRig) -> ExportRig:
    """A rig whose file is of mode replace, for tests that call the sink themselves."""
    query = "SELECT toInt64(1) AS id, toNullable('n1') AS note"
    rig.describe("replace", source={"query": query}, sink=rig.case.plain_sink(), columns=None)
    return rig


def _ids(rig: ExportRig) -> list[int]:
    return sorted(row[0] for row in rig.case.rows(["id", "note"]))


def test_nothing_is_visible_before_it_is_published(plain: ExportRig):
    export = _export(ExportMode.REPLACE)
    with closing(plain.sink(plain.load())) as sink:
        sink.check(export)
        sink.stage(export, _batches(export, 1, 2))
        assert _ids(plain) == []
        sink.publish(export)
    assert _ids(plain) == [1, 2]
    assert plain.case.leftovers() == []


def test_staging_again_replaces_what_was_staged(plain: ExportRig):
    export = _export(ExportMode.REPLACE)
    with closing(plain.sink(plain.load())) as sink:
        sink.check(export)
        sink.stage(export, _batches(export, 1, 2, 3))
    with closing(plain.sink(plain.load())) as sink:
        assert sink.stage(export, _batches(export, 4)).rows == 1
        sink.publish(export)
    assert _ids(plain) == [4]


def test_what_failed_in_the_middle_is_staged_again(plain: ExportRig):
    export = _export(ExportMode.REPLACE)

    def failing() -> Iterator[pa.RecordBatch]:
        yield from _batches(export, 1)
        raise DataQualityError("The source ended.")

    with closing(plain.sink(plain.load())) as sink:
        sink.check(export)
        with pytest.raises(DataQualityError, match=r"The source ended\."):
            sink.stage(export, failing())
        sink.stage(export, _batches(export, 2))
        sink.publish(export)
    assert _ids(plain) == [2]


@pytest.mark.parametrize("mode", list(ExportMode))
def test_publishing_again_changes_nothing(plain: ExportRig, mode: ExportMode):
    first, second = _export(ExportMode.REPLACE), _export(ExportMode.APPEND)
    if mode is not ExportMode.APPEND:
        second = replace(second, mode=ExportMode.REPLACE)
    with closing(plain.sink(plain.load())) as sink:
        for export, ids in ((first, (1, 2)), (second, (3,))):
            sink.check(export)
            sink.stage(export, _batches(export, *ids))
            sink.publish(export)
            sink.publish(export)
    with closing(plain.sink(plain.load())) as sink:
        sink.publish(second)
    assert _ids(plain) == ([1, 2, 3] if mode is ExportMode.APPEND else [3])


def test_discarding_leaves_what_was_published(plain: ExportRig):
    first, second = _export(ExportMode.REPLACE), _export(ExportMode.REPLACE)
    with closing(plain.sink(plain.load())) as sink:
        sink.check(first)
        sink.stage(first, _batches(first, 1))
        sink.publish(first)
        sink.discard(first)
        sink.stage(second, _batches(second, 2))
        sink.discard(second)
        sink.discard(second)
    assert _ids(plain) == [1]
    assert plain.case.leftovers() == []


def test_a_wrong_address_is_one_line_without_the_password(plain: ExportRig):
    export = _export(ExportMode.REPLACE)
    with (
        closing(plain.sink(plain.load(), plain.case.nowhere())) as sink,
        pytest.raises(PipelineError) as caught,
    ):
        sink.check(export)
    assert "\n" not in str(caught.value).strip()
    assert "s3cret-word" not in str(caught.value)


def test_a_key_that_is_null_or_doubled_stops_the_run_before_anything_is_written(rig: ExportRig):
    for query, words in (
        ("SELECT toNullable(toInt64(1)) AS id UNION ALL SELECT NULL", "1 row(s) have NULL in the key (id)"),
        ("SELECT toInt64(7) AS id FROM numbers(3)", "3 rows share a key (id) with another one"),
    ):
        if rig.case.plain_sink()["kind"] == "s3":
            pytest.skip("a bucket merges dates of a table, whose key the warehouse holds")
        sink = rig.case.plain_sink()
        rig.describe("merge", source={"query": query}, sink=sink, columns=None, key=["id"])
        with pytest.raises(DataQualityError) as caught:
            rig.run()
        assert words in str(caught.value)
    assert rig.case.leftovers() == []


def test_the_columns_are_those_of_the_file_in_its_order(rig: ExportRig):
    columns = [{"name": "total", "from": "amount * 2"}, {"name": "id"}]
    rig.orders(rig.describe("replace", columns=columns, sink=rig.case.plain_sink()))
    rig.put((5, "one", "1.25", DAY))
    rig.run()
    ((total, number),) = rig.case.rows(["total", "id"])
    assert (float(total), number) == (2.5, 5)
    assert COLUMNS[0] == "id"
