"""The stub says what the compiled module offers."""

from collections.abc import Sequence

from dagster_pipeline.connectors.sources.decoding.columns import Taken

NUMBER: int
TEXT: int
DATE: int
DATETIME: int
"""Forms of a value: a number as it lies on the wire; bytes with their length; a day as days since 1970, a day and time
as microseconds since 1970, both of them lost where they are none of the calendar, or beyond their span."""

MORE: int
BATCH: int
END: int
ERROR: int
"""What `decode` ended with: it needs more bytes; a batch is full; the statement has ended; the server sent an error."""

class MySQLRows:
    """Rows of one statement on their way: bytes into `room()`, then `received`, then `decode`, then `take`."""

    def __init__(
        self,
        forms: Sequence[int],
        widths: Sequence[int],
        spans: Sequence[tuple[int, int]],
        most_rows: int,
        most_bytes: int,
    ) -> None:
        """By column: `forms`, `widths` (bytes of a number), `spans` (first and last day or moment, ends included).

        A batch has at most so many rows, and ends at the row with which its texts have so many bytes.
        """

    @property
    def rows(self) -> int:
        """Rows that were decoded and not taken."""

    @property
    def failure(self) -> bytes:
        """The server's error packet."""

    def room(self) -> memoryview:
        """Where further bytes belong; valid until the next call."""

    def received(self, size: int) -> None:
        """So many bytes were written into `room()`."""

    def decode(self) -> int:
        """Go on. Raises `ValueError` when the bytes are no rows of this protocol."""

    def take(self) -> list[Taken]:
        """The rows by column; they are forgotten here."""
