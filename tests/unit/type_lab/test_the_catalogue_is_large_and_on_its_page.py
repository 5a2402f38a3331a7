"""The catalogue is as large as it is promised to be, and the page shows the catalogue as it is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.type_lab import catalog_mysql, catalog_postgres
from tests.type_lab.case import TypeCase
from tests.type_lab.report import Row

PAGE = Path(__file__).parents[3] / "docs" / "type-lab.md"
MARIADB = (*catalog_mysql.CASES, *catalog_mysql.MARIADB_ONLY)
CATALOGUES = {"PostgreSQL": catalog_postgres.CASES, "MariaDB": MARIADB}


@pytest.mark.parametrize("cases", CATALOGUES.values(), ids=CATALOGUES)
def test_sixty_types_have_ten_values(cases: Sequence[TypeCase]) -> None:
    values: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        values[case.type] |= {*case.exact, *(value for value, _ in case.coerced)}
    assert sum(len(each) >= 10 for each in values.values()) >= 60


@pytest.mark.parametrize("product", CATALOGUES)
def test_the_page_has_a_row_for_every_case_with_its_number_of_values(product: str) -> None:
    (section,) = re.findall(
        rf"^## {product} [^\n]*\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    shown = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
    expected = [Row(case).cells() for case in dict.fromkeys(CATALOGUES[product])]
    assert [(row[0].removeprefix("| "), row[2]) for row in shown] == [
        (cells[0].replace("|", "&#124;"), cells[2]) for cells in expected
    ], "run `make type-lab`"
    assert {row[-1].removesuffix(" |") for row in shown} == {"0"}
