"""What happens at the sources around the two runs, late commits included. The statements are SQL, in `sql/`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from scripts.demo.databases import Database


@contextmanager
def late_transactions(sources: Sequence[Database]) -> Iterator[None]:
    """While the block runs, one transaction per database is open and has written; it commits when the block ends.

    Rows with a greater cursor were committed meanwhile, so a pipeline that follows the greatest cursor it sees loses
    the late rows for ever.
    """
    with ExitStack() as transactions:
        for source in sources:
            source.run(transactions.enter_context(source.connect()), "late")
        for source in sources:
            with source.connect() as connection:
                source.run(connection, "overtaking")
        yield


def change(sources: Sequence[Database]) -> None:
    """Update, insert and delete rows, as a working day would."""
    for source in sources:
        with source.connect() as connection:
            source.run(connection, "changes")
