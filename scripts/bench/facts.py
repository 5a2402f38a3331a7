"""The machine and the versions of everything that was measured on it."""

from __future__ import annotations

import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from scripts.bench.servers import Front, Source

PACKAGES = ("dagster", "clickhouse-connect", "pymysql", "psycopg2-binary", "pyarrow")


def facts(file: Path, source: Source, front: Front) -> None:
    """Add what this session knows to the file."""
    known = read_facts(file)
    client = front.client()
    known |= {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{psutil.cpu_count()} cores ({_cpu()}), {psutil.virtual_memory().total >> 30} GiB",
        "Python": platform.python_version(),
        "ClickHouse engine": str(client.command("SELECT version()")),
        "PostgreSQL" if source.dialect == "postgres" else "MariaDB or MySQL": source.version(),
        **{name: version(name) for name in PACKAGES},
    }
    client.close()
    file.write_text(json.dumps(known, indent=1))


def read_facts(file: Path) -> dict[str, str]:
    """What was found so far."""
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
