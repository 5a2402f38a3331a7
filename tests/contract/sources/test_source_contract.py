"""What every source promises, on real servers."""

from __future__ import annotations

import itertools
import time
from collections import Counter

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.batch import EVERYTHING, WHOLE_TABLE, KeyRange, Window, WireFormat
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.errors import ConfigurationError, OutOfRangeError, RetriableError
from dagster_pipeline.type_mapper.mapping import ColumnMapping, Guard
from tests.contract.sources.both_sources import Server, text_of

Row = tuple[str | None, ...]


def rows_of(source: BaseSourceConnector, request: ReadRequest) -> list[Row]:
    with source.stream(request) as batches:
        collected = list(batches)
    payload = b"".join(batch.payload for batch in collected)
    assert source.wire_format is WireFormat.ARROW_STREAM
    table = pa.ipc.open_stream(payload).read_all()
    found = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    assert sum(batch.rows for batch in collected) == len(found)
    return found


def read(
    server: Server,
    source: BaseSourceConnector,
    *names: str,
    window: Window = EVERYTHING,
    part: KeyRange = WHOLE_TABLE,
) -> list[Row]:
    mappings = tuple(text_of(server.dialect, name) for name in names)
    return rows_of(source, ReadRequest(mappings=mappings, window=window, key_range=part))


def assert_each_row_once(
    server: Server, source: BaseSourceConnector, keys: tuple[str, ...], target: int
) -> int:
    parts = source.split(keys, window=EVERYTHING, target_rows=target)
    found = Counter(row for part in parts for row in read(server, source, *keys, part=part))
    assert found == Counter(read(server, source, *keys))
    assert set(found.values()) == {1}
    assert (parts[0].lower, parts[-1].upper) == (None, None)
    return len(parts)


NUMBERS = "(SELECT a.n + 10*b.n + 100*c.n + 1000*d.n AS i FROM digits a, digits b, digits c, digits d) s"
DIGITS = ("CREATE TABLE digits (n int)", "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")


KEYS = pytest.mark.parametrize(
    ("columns", "values"),
    [
        ({"id": "bigint"}, "i * 3"),
        ({"id": "bigint"}, "CASE WHEN i < 9000 THEN i ELSE i * 1000000000000 END"),
        ({"id": "varchar(40)"}, "CONCAT('k''\\t', i)"),
        ({"id": "int", "part": "int"}, "i / 100, i"),
    ],
    ids=["even", "skewed", "text", "composite"],
)


@KEYS
def test_ranges_hold_every_row_exactly_once(server: Server, columns: dict[str, str], values: str) -> None:
    shape = ", ".join(f"{name} {kind} NOT NULL" for name, kind in columns.items())
    server.run(
        *DIGITS,
        f"CREATE TABLE t ({shape}, PRIMARY KEY ({', '.join(columns)}))",
        f"INSERT INTO t SELECT {values} FROM {NUMBERS}",
    )
    server.run("ANALYZE t" if server.dialect == "postgres" else "ANALYZE TABLE t")
    with server.source(columns, key=tuple(columns)) as source:
        assert assert_each_row_once(server, source, tuple(columns), 1500) >= 4


def test_ranges_of_a_cursor_with_ties_and_nulls_hold_every_row_exactly_once(server: Server) -> None:
    server.run(
        *DIGITS,
        "CREATE TABLE t (id int PRIMARY KEY, at int)",
        f"INSERT INTO t SELECT i, i / 700 FROM {NUMBERS}",
    )
    server.run("UPDATE t SET at = NULL WHERE id < 50")
    window = Window(cursor="at", include_nulls=True)
    with server.source({"id": "int", "at": "int null"}) as source:
        parts = source.split(("at",), window=window, target_rows=1500)
        found = [row for part in parts for row in read(server, source, "id", window=window, part=part)]
    assert len(parts) > 2
    assert sorted(int(str(key)) for (key,) in found) == list(range(10_000))


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(cursor="at", lower="2024-01-01 00:00:03"), "34567"),
        (Window(cursor="at", lower="2024-01-01 00:00:03", lower_inclusive=False), "4567"),
        (Window(cursor="at", lower="2024-01-01 00:00:03", upper="2024-01-01 00:00:05"), "345"),
        (Window(cursor="at", lower="2024-01-01 00:00:05", lookback_seconds=2), "34567"),
        (Window(cursor="at", lower="2024-01-01 00:00:06", include_nulls=True), "678"),
        (Window(cursor="at"), "1234567"),
    ],
)
def test_a_window_holds_its_rows_and_no_others(server: Server, window: Window, expected: str) -> None:
    kind = "timestamp" if server.dialect == "postgres" else "datetime"
    values = ", ".join(f"({n}, '2024-01-01 00:00:0{n}')" for n in range(1, 8))
    server.run(
        f"CREATE TABLE t (id int PRIMARY KEY, at {kind} NULL)", f"INSERT INTO t VALUES {values}, (8, NULL)"
    )
    with server.source({"id": "int", "at": f"{kind} null"}) as source:
        assert "".join(sorted(str(key) for (key,) in read(server, source, "id", window=window))) == expected
        assert source.count(window) == len(expected)


def test_a_transaction_that_is_still_open_holds_the_settled_bound_below_its_rows(server: Server) -> None:
    kind = "timestamptz" if server.dialect == "postgres" else "timestamp(6)"
    columns = {
        "id": "int",
        "at": "timestamp with time zone" if server.dialect == "postgres" else "timestamp(6)",
    }
    server.run(f"CREATE TABLE t (id int PRIMARY KEY, at {kind} NOT NULL)")
    late = server.connect()
    with late.cursor() as cursor:
        cursor.execute(
            "INSERT INTO t VALUES (1, now())"
            if server.dialect == "postgres"
            else "INSERT INTO t VALUES (1, NOW(6))"
        )
        time.sleep(1.5)
        server.run(
            "INSERT INTO t VALUES (2, now())"
            if server.dialect == "postgres"
            else "INSERT INTO t VALUES (2, NOW(6))"
        )
        with server.source(columns) as source:
            bounds = source.bounds("at", floor=None, count_nulls=False)
    late.commit()
    late.close()
    with server.source(columns) as source:
        after = read(
            server, source, "id", window=Window(cursor="at", lower=bounds.settled, lower_inclusive=False)
        )
    assert sorted(str(key) for (key,) in after) == ["1", "2"]


def test_a_number_is_settled_only_when_nobody_can_add_a_smaller_one(server: Server) -> None:
    server.run("CREATE TABLE t (id bigint PRIMARY KEY)", "INSERT INTO t VALUES (10)")
    late = server.connect()
    with late.cursor() as cursor, server.source({"id": "bigint"}) as source:
        cursor.execute("INSERT INTO t VALUES (5)")
        held = source.bounds("id", floor=None, count_nulls=False)
        late.commit()
        free = source.bounds("id", floor=None, count_nulls=False)
        raised = source.bounds("id", floor="12", count_nulls=False)
    late.close()
    assert (held.newest, held.settled) == ("10", None)
    assert held.notes
    assert (free.newest, free.settled) == ("10", "10")
    assert raised.settled == "12"


def test_rows_dated_in_the_future_do_not_carry_the_cursor_with_them(server: Server) -> None:
    kind = "timestamp" if server.dialect == "postgres" else "datetime"
    server.run(
        f"CREATE TABLE t (id int PRIMARY KEY, at {kind} NOT NULL)",
        "INSERT INTO t VALUES (1, '2024-05-05 05:05:05'), (2, '2150-01-01 00:00:00')",
    )
    with server.source({"id": "int", "at": kind}) as source:
        bounds = source.bounds("at", floor=None, count_nulls=False)
    assert bounds.newest == "2150-01-01 00:00:00"
    assert bounds.settled is not None
    assert bounds.settled < "2100"
    assert any("future" in note for note in bounds.notes)


def test_an_empty_table_has_no_bounds_one_range_and_no_rows(server: Server) -> None:
    server.run("CREATE TABLE t (id bigint PRIMARY KEY)")
    with server.source({"id": "bigint"}) as source:
        assert source.bounds("id", floor=None, count_nulls=True).settled is None
        assert len(source.split(("id",), window=EVERYTHING, target_rows=1000)) == 1
        assert read(server, source, "id") == []


def test_the_files_own_filter_applies_everywhere(server: Server) -> None:
    server.run("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2), (3)")
    with server.source({"id": "int"}, where="id <> 2 -- not that one") as source:
        assert sorted(str(key) for (key,) in read(server, source, "id")) == ["1", "3"]
        assert source.count(EVERYTHING) == 2


def guarded(server: Server, *, fails: bool, columns: int = 1) -> ReadRequest:
    guard = Guard("{column} > 5", "5", "above 5")
    read_as = "CAST({column} AS CHAR)" if server.dialect == "mysql" else "{column}"
    mappings = tuple(
        ColumnMapping("id", f"c{n}", "Nullable(String)", read=read_as, guard=guard, fails_out_of_range=fails)
        for n in range(columns)
    )
    return ReadRequest(mappings=mappings)


@pytest.mark.parametrize("columns", [1, 70])
def test_values_that_do_not_fit_are_counted_by_column(server: Server, columns: int) -> None:
    server.run("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (4), (5), (6), (7)")
    with (
        server.source({"id": "int"}) as source,
        source.stream(guarded(server, fails=False, columns=columns)) as batches,
    ):
        counts = sum((Counter(batch.coerced) for batch in batches), Counter())
    assert counts == Counter({f"c{n}": 2 for n in range(columns)})


def test_values_that_do_not_fit_stop_the_stream_when_they_are_to_fail(server: Server) -> None:
    server.run("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (4), (6)")
    with (
        server.source({"id": "int"}) as source,
        pytest.raises(OutOfRangeError, match=r"c0: at least 1 row\(s\) above 5"),
    ):
        rows_of(source, guarded(server, fails=True))


def test_leaving_a_stream_early_ends_the_statement_at_the_source(server: Server) -> None:
    server.run(
        *DIGITS,
        "CREATE TABLE t (id int, filler varchar(900))",
        f"INSERT INTO t SELECT i, REPEAT('x', 900) FROM {NUMBERS}",
    )
    for _ in range(3):
        server.run("INSERT INTO t SELECT * FROM t")
    request = ReadRequest(mappings=(text_of(server.dialect, "id"), text_of(server.dialect, "filler")))
    with server.source({"id": "int", "filler": "text"}, key=()) as source:
        for blocks in range(1, 9):  # it depends on whether the server is just waiting for room to write
            with source.stream(request) as batches:
                list(itertools.islice(batches, blocks))
            deadline = time.monotonic() + 50  # a busy machine; a forgotten statement stays for a minute
            while (left := statements_running(server)) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert left == 0
        assert len(read(server, source, "id")) == 80_000


def statements_running(server: Server) -> int:
    connection = server.connect()
    with connection.cursor() as cursor:
        if server.dialect == "postgres":
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%filler%'"
            )
        else:
            cursor.execute(
                "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%filler%' AND id <> CONNECTION_ID()"
            )
        ((running,),) = cursor.fetchall()
    connection.close()
    return int(running)


def test_a_wrong_password_names_the_variable_and_not_the_password(server: Server) -> None:
    server.run("CREATE TABLE t (id int PRIMARY KEY)")
    wrong = f"{server.url.partition('://')[0]}://nobody_known:s3cret@{server.url.rpartition('@')[2].rpartition('://')[2]}"
    with (
        server.source({"id": "int"}, url=wrong) as source,
        pytest.raises(ConfigurationError, match="SOURCE_URL") as caught,
    ):
        source.describe()
    assert "s3cret" not in str(caught.value)


def test_a_missing_table_names_the_nearest_and_a_bad_filter_says_so(server: Server) -> None:
    server.run("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE orders (id int PRIMARY KEY)")
    with (
        server.source({"id": "int"}, table="ordres") as source,
        pytest.raises(ConfigurationError, match=r"Did you mean .*orders"),
    ):
        source.describe()
    with (
        server.source({"id": "int"}, where="no_such = 1") as source,
        pytest.raises(ConfigurationError, match="no_such"),
    ):
        source.count(EVERYTHING)


def test_a_question_mark_in_a_filter_is_no_parameter_to_fill_in(server: Server) -> None:
    server.run("CREATE TABLE t (id int PRIMARY KEY)")
    with (
        server.source({"id": "int"}, where="id = ?") as source,
        pytest.raises(ConfigurationError, match=r"source\.where"),
    ):
        read(server, source, "id")


def test_an_unreachable_host_is_worth_a_retry(server: Server) -> None:
    scheme = server.url.partition("://")[0]
    with (
        server.source({"id": "int"}, url=f"{scheme}://u:s3cret@127.0.0.1:1/db") as source,
        pytest.raises(RetriableError) as caught,
    ):
        source.describe()
    assert "s3cret" not in str(caught.value)


def test_names_of_any_kind_are_read(server: Server) -> None:
    name = 'Größe "x" `y` a.b 100% ?:é'
    quoted = (
        '"' + name.replace('"', '""') + '"'
        if server.dialect == "postgres"
        else "`" + name.replace("`", "``") + "`"
    )
    server.run(
        f"CREATE TABLE t (id int PRIMARY KEY, {quoted.replace('%', '%')} int)", "INSERT INTO t VALUES (1, 7)"
    )
    with server.source({"id": "int", name: "int null"}) as source:
        assert [column.name for column in source.describe().columns] == ["id", name]
        assert read(server, source, "id", name) == [("1", "7")]


def test_streams_of_one_connection_keep_to_its_rows_a_second_together(server: Server) -> None:
    server.run(*DIGITS, "CREATE TABLE t (id int PRIMARY KEY)", f"INSERT INTO t SELECT i FROM {NUMBERS}")
    request = ReadRequest(mappings=(text_of(server.dialect, "id"),))
    with server.source({"id": "int"}, url=f"{server.url}?max_rows_per_second=5000") as source:
        began = time.monotonic()
        with source.stream(request) as one, source.stream(request) as other:
            for left, right in itertools.zip_longest(one, other):
                assert max(batch.rows for batch in (left, right) if batch) <= 2500
        # 20,000 rows are four seconds; what a half second's rest and the last batches leave out is less than one.
        assert time.monotonic() - began > 3
