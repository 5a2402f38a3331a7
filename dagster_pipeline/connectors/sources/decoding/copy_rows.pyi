"""The stub says what the compiled module offers."""

from collections.abc import Sequence

from dagster_pipeline.connectors.sources.decoding.columns import Taken

NUMBER: int
TEXT: int
JSONB: int
UUID: int
DATE: int
MOMENT: int
DECIMAL: int
"""Forms of a value, each with two numbers. NUMBER: its bytes, and nothing. TEXT: the bytes as they are. JSONB: a text after
a version. UUID: its two halves as 64-bit integers. DATE and MOMENT: first and last day, or microsecond, since 1970, and what
lies beyond is lost. DECIMAL: precision and scale, in 128 bits up to 38 digits, else in 256; what does not fit is lost."""

FUNCTIONS: tuple[str, ...]
"""The names of the functions of libpq that `CopyOut` calls, in order."""

class CopyError(Exception):
    """What the server, or libpq, said of a statement that failed.

    Attributes:
        code: SQLSTATE; empty when no server sent the error.
    """

    code: str

    def __init__(self, code: str, words: str) -> None: ...

class CopyRows:
    """Rows of one statement on their way: `decode` or `CopyOut.fill`, then `take`."""

    def __init__(self, fields: Sequence[tuple[int, int, int]], most_rows: int, most_bytes: int) -> None:
        """`fields` are form and numbers by column; a batch has so many rows, or texts of so many bytes."""

    @property
    def rows(self) -> int:
        """Rows that were decoded and not taken."""

    def decode(self, message: bytes) -> bool:
        """Decode one message; false when it ends the rows. Raises `ValueError` when it is none of this form."""

    def take(self) -> list[Taken]:
        """The rows by column; they are forgotten here."""

class CopyOut:
    """A COPY ... TO STDOUT (FORMAT binary) on a connection that nobody else uses meanwhile. It waits without the GIL."""

    def __init__(self, connection: int, functions: Sequence[int]) -> None:
        """The address of a `PGconn`, and of each of `FUNCTIONS`; both must stay as long as this is used."""

    @property
    def is_open(self) -> bool:
        """A statement was begun, and libpq has not said how it ended."""

    def begin(self, statement: bytes) -> None:
        """Start the statement. Raises `CopyError`."""

    def fill(self, rows: CopyRows) -> bool:
        """Decode rows until a batch is full; false when the statement has ended well.

        Raises `CopyError`, and `ValueError` when the bytes are none of this form.
        """
