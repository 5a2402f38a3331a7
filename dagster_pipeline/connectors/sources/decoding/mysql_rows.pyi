"""The stub says what the compiled module offers."""

from collections.abc import Sequence

Taken = tuple[tuple[bytes | None, ...], int, bytes | None]
"""A column's buffers as Arrow has them (validity, offsets for texts, values), how many are NULL, and a bitmap of those that
are NULL only since the value cannot be represented; `None` stands for a bitmap without news."""

NUMBER: int
TEXT: int
DATE: int
DATETIME: int
"""Forms of a value: a number as it lies on the wire; bytes with their length; a day as days since 1970, a day and time
as microseconds since 1970, both of them lost where they are none of the calendar."""

MORE: int
BATCH: int
END: int
ERROR: int
"""What `decode` ended with: it needs more bytes; a batch is full; the statement has ended; the server sent an error."""

class MySQLRows:
    """Rows of one statement on their way: bytes into `room()`, then `received`, then `decode`, then `take`."""

    def __init__(self, forms: Sequence[int], widths: Sequence[int], most_rows: int, most_bytes: int) -> None:
        """`forms` and `widths` (bytes of a number) by column; a batch has so many rows, or texts of so many bytes."""

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
