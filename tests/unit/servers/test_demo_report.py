"""What the demo prints, and when it calls two tables equal."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.demo.compare import TABLES, ComparedTable, Comparison, compare, query
from scripts.demo.dagster_runs import Moves
from scripts.demo.progress import DemoError, run_quietly, step
from scripts.demo.report import render
from scripts.demo.run import _verdict

TABLE = ComparedTable("shop", "orders", {"number": "id total", "text": "note"}, where="kept = 1")


def says(*values: object):
    def answer(query: str) -> Sequence[object]:
        return values

    return answer


def test_equal_sums_agree_whatever_python_type_the_driver_gives_them() -> None:
    result = compare(
        TABLE,
        "mysql",
        source=says(2, Decimal("3"), Decimal("1.50"), None),
        warehouse=says(2, 3, Decimal("1.5000"), 0),
    )
    assert result.agrees


def test_a_column_whose_sum_differs_is_named() -> None:
    result = compare(TABLE, "mysql", source=says(2, 3, 4, 5), warehouse=says(2, 3, 4, 6))
    assert not result.agrees
    assert result.differences == ("note",)


def test_a_different_row_count_does_not_agree_even_when_the_sums_do() -> None:
    assert not compare(TABLE, "mysql", source=says(2, 3, 4, 5), warehouse=says(3, 3, 4, 5)).agrees


def test_sums_beyond_a_doubles_precision_are_compared_exactly() -> None:
    large = 9223372037054765807
    assert not compare(TABLE, "mysql", source=says(1, large, 0, 0), warehouse=says(1, large + 1, 0, 0)).agrees


def test_the_source_is_asked_with_the_files_filter_and_the_warehouse_without() -> None:
    assert query(TABLE, "mysql").endswith("FROM orders WHERE kept = 1")
    assert query(TABLE, "clickhouse").endswith("FROM shop.orders WHERE 1 = 1")


def test_seven_tables_are_compared() -> None:
    files = {f"{path.parent.name}/{path.stem}" for path in Path("schemas").glob("*/*/[!_]*.yml")}
    assert {table.asset for table in TABLES} <= files
    assert len(TABLES) == 7


def test_the_report_is_aligned_and_names_what_differs() -> None:
    comparisons = [Comparison(TABLE, 1200, 1199, ("note",))]
    lines = render(comparisons, {TABLE: Moves(rows=(1000, 200), seconds=1.25)}).splitlines()
    assert lines[1].split() == ["shop/orders", "1,200", "1,199", "1,000", "200", "1.2", "DIFFERENT:", "note"]
    assert lines[0].index("seconds") + len("seconds") == lines[1].index("1.2", 60) + 3


def test_the_report_says_why_a_first_run_moved_nothing() -> None:
    moves = {TABLE: Moves(rows=(0, 200), seconds=1, notes="- A transaction is open.")}
    assert render([Comparison(TABLE, 200, 200)], moves).endswith(
        "shop/orders in run 1:\n- A transaction is open."
    )


def test_of_a_failed_program_the_errors_are_shown_once_each(tmp_path: Path) -> None:
    trace = "echo Traceback; echo some.TimeoutError: too slow; echo File x; echo some.TimeoutError: too slow; exit 1"
    with pytest.raises(DemoError) as caught:
        run_quietly(["sh", "-c", trace], environment={"PATH": "/usr/bin:/bin"}, log=tmp_path / "log", todo="")
    assert str(caught.value).startswith("some.TimeoutError: too slow\nIt ended with code 1.")


@pytest.mark.parametrize(("rows", "code"), [(5, 0), (4, 1)])
def test_a_difference_makes_the_demo_fail(rows: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert _verdict([Comparison(TABLE, 5, rows)], seconds=1, log=Path("demo.log")) == code
    assert ("shop/orders" in capsys.readouterr().err) == bool(code)


def test_a_failed_program_shows_its_last_lines_and_where_the_rest_is(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    with pytest.raises(DemoError) as caught:
        run_quietly(
            ["sh", "-c", "seq 100; echo the reason; exit 4"],
            environment={"PATH": "/usr/bin:/bin"},
            log=log,
            todo="Do this.",
        )
    message = str(caught.value)
    assert "the reason" in message
    assert "\n50\n" not in message
    assert "Do this." in message
    assert str(log) in message
    assert "\n50\n" in log.read_text()


def test_a_failed_step_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DemoError), step("Something"):
        raise DemoError("broke")
    assert capsys.readouterr().out.rstrip().endswith("failed")
