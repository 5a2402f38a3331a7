"""The order of files: every long one that is named exists, and comes before what is short."""

from __future__ import annotations

from pathlib import Path

from tests.long_files_first import LONG_FILES, place

ROOT = Path(__file__).parents[3]


def test_long_files_come_first_then_what_starts_servers_then_the_rest() -> None:
    assert [file for file in LONG_FILES if not (ROOT / file).is_file()] == []
    server = ROOT / "tests/integration/sync/test_x.py"
    rest = [ROOT / "tests/unit/a/test_x.py", ROOT / "tests/unit/b/test_x.py"]
    long_files = [ROOT / file for file in LONG_FILES]
    assert sorted([*rest, server, *reversed(long_files)], key=place(ROOT)) == [*long_files, server, *rest]
