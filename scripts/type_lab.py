"""`make type-lab`: runs every value of the catalogue through the real pipeline and writes what became of it to a page.

Exit code 1 when a value was wrong; every wrong one is named. Starts its own servers, or uses those that TEST_POSTGRES_URL,
TEST_MYSQL_URL and TEST_CLICKHOUSE_URL name.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from scripts.servers.clickhouse_http import running_front
from scripts.servers.mariadb import MariaDb
from scripts.servers.postgres import Postgres
from scripts.servers.product import Product
from scripts.servers.provide import choose
from tests.type_lab.databases import Database, MariaDbDatabase, PostgresDatabase
from tests.type_lab.laboratory import Laboratory
from tests.type_lab.report import Findings, page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "type-lab.md"
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
            database = kind(stack.enter_context(_database(product, folder)))
            findings = Findings(_named(database), database.refused)
            for warehouse in ("embedded", "http"):
                print(f"{findings.product}, {warehouse} ...", flush=True)
                engine = _run(database, warehouse, folder / f"{product.name}-{warehouse}", findings)
            found.append(findings)
            database.close()
    PAGE.write_text(page(found, date=f"{datetime.now(UTC):%F}", engine=engine))
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
        return str(laboratory.sink.rows("SELECT version()")[0][0])


@contextmanager
def _database(product: Product, folder: Path) -> Iterator[str]:
    directory = folder / product.name
    directory.mkdir(mode=0o711)
    server = choose(product, directory, variable=f"TEST_{product.variable}", durable=False, ends_with_us=True)
    try:
        server.start()
        yield server.create_database("type_lab")
    finally:
        server.remove()


def _named(database: Database) -> str:
    ((version,),) = database.run("SELECT VERSION()")
    name = (
        "PostgreSQL"
        if database.dialect == "postgres"
        else ("MariaDB" if "mariadb" in version.lower() else "MySQL")
    )
    number = version.split()[1] if database.dialect == "postgres" else version.split("-")[0]
    return f"{name} {number}"


if __name__ == "__main__":
    sys.exit(main())
