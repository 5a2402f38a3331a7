"""`make type-lab`: runs every value of the catalogue through the real pipeline and writes what became of it to a page.

Exit code 1 when a value was wrong; every wrong one is named. Starts its own servers, or uses those that TEST_POSTGRES_URL,
TEST_MYSQL_URL and TEST_CLICKHOUSE_URL name.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from scripts.bench.lossless import measure
from scripts.servers.clickhouse_http import running_front
from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.product import Product
from scripts.servers.scratch import scratch_database
from tests.type_lab.databases import Database, MariaDbDatabase, PostgresDatabase
from tests.type_lab.laboratory import Laboratory
from tests.type_lab.random_tables import random_table
from tests.type_lab.random_trial import trial
from tests.type_lab.report import Findings, page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "type-lab.md"
RANDOM_TABLES = 100
"""For each source and warehouse."""
PRODUCTS: tuple[tuple[Product, type[PostgresDatabase | MariaDbDatabase]], ...] = (
    (Postgres(), PostgresDatabase),
    (MariaDb(), MariaDbDatabase),
)


def main() -> int:
    """Run everything, write the page, print the sums."""
    found, engine = [], ""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="type-lab-")))
        folder.chmod(0o755)
        for product, kind in PRODUCTS:
            database = kind(stack.enter_context(scratch_database(product, "type_lab")))
            findings = Findings(database.product, database.refused)
            for warehouse in ("embedded", "http"):
                print(f"{findings.product}, {warehouse} ...", flush=True)
                engine = _run(database, warehouse, folder / f"{product.name}-{warehouse}", findings)
            found.append(findings)
            database.close()
    print("what it costs ...", flush=True)
    costs = measure()
    PAGE.write_text(page(found, date=f"{datetime.now(UTC):%F}", engine=engine, costs=costs))
    wrong = [each for findings in found for each in findings.wrong]
    for findings in found:
        loads = sum(row.loaded for row in findings.rows.values())
        print(
            f"{findings.product}: {len(findings.rows)} cases, {loads:,} loads of a value, {len(findings.wrong)} wrong"
        )
    print("\n".join([*wrong, f"Written to {PAGE.name}."]))
    return 1 if wrong else 0


def _run(database: Database, warehouse: str, folder: Path, findings: Findings) -> str:
    """Everything into one warehouse; returns the engine's version."""
    folder.mkdir()
    with ExitStack() as stack:
        url = f"chdb://{folder / 'warehouse'}"
        if warehouse == "http":
            given = os.environ.get("TEST_CLICKHOUSE_URL")
            front = running_front(folder / "warehouse", user="lab", password="lab")  # noqa: S106 -- of a scratch server
            url = given or stack.enter_context(front).url
        laboratory = Laboratory(database, url, folder)
        stack.callback(laboratory.close)
        for mode in ("full", "incremental"):
            findings.add("exact", laboratory.exact(database.cases, mode=mode))
            findings.add("clamped", laboratory.clamped(database.cases, mode=mode))
            findings.add("nulled", laboratory.nulled(database.cases, mode=mode))
            findings.add("refused", laboratory.refused(database.cases, mode=mode))
        for seed in range(RANDOM_TABLES):
            trial(laboratory, random_table(seed, database))
            findings.random_tables += 1
        return str(laboratory.sink.rows("SELECT version()")[0][0])


if __name__ == "__main__":
    sys.exit(main())
