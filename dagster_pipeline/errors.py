"""The one error tree, grouped by what to do about an error.

Every error holds its facts as attributes and builds its message from them; the message ends with what to do.
Drivers' own errors are translated into these once, at the connector's edge. Nothing here imports another module.
No message may contain a secret: a URL enters an error only through `DatabaseUrl.redacted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class PipelineError(Exception):
    """Base of every error that this project raises on purpose.

    Attributes:
        what: one sentence that says what is wrong, with the object's name.
        todo: one sentence that says what to do about it; may be empty.
    """

    def __init__(self, what: str, *, todo: str = "") -> None:
        super().__init__(what, todo)
        self.what = what
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.what} {self.todo}".strip()


class ConfigurationError(PipelineError):
    """A file, a variable, a grant or a catalog is not as it must be. A retry cannot mend it."""


class RetriableError(PipelineError):
    """The same work may succeed later: a lost connection, a deadlock, too many parts, a lock that is held.

    Attributes:
        code: the server's numeric error code or SQLSTATE, empty when there is none.
    """

    def __init__(self, what: str, *, todo: str = "", code: str = "") -> None:
        super().__init__(what, todo=todo)
        self.code = code


class FatalError(PipelineError):
    """The server refused in a way that a retry cannot mend.

    Attributes:
        code: the server's numeric error code or SQLSTATE, empty when there is none.
    """

    def __init__(self, what: str, *, todo: str = "", code: str = "") -> None:
        super().__init__(what, todo=todo)
        self.code = code


class DataQualityError(PipelineError):
    """The data itself breaks a stated rule. Target and state were left as they were before the chunk at fault."""


class TableLockedError(RetriableError):
    """Another run works on this table."""


class ShrinkRefusedError(DataQualityError):
    """A full refresh would replace a table by a much smaller one."""


class OutOfRangeError(DataQualityError):
    """Values that the ClickHouse type cannot hold, under `out_of_range: fail`.

    Attributes:
        table: destination, `database.table`.
        rows_by_column: how many rows were seen per column before the run stopped.
    """

    def __init__(self, table: str, rows_by_column: dict[str, int], *, reasons: dict[str, str]) -> None:
        counted = ", ".join(
            f"{column}: at least {rows} row(s) {reasons.get(column, '')}".rstrip()
            for column, rows in rows_by_column.items()
        )
        super().__init__(
            f"{table}: values that the ClickHouse type cannot hold ({counted}).",
            todo="Nothing of this chunk counts as loaded. Correct them at the source, "
            "or set sync.out_of_range to null or clamp, or sync.on_bad_row to quarantine.",
        )
        self.table = table
        self.rows_by_column = rows_by_column


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in one file.

    Attributes:
        path: the file, relative to the project when it lies below it.
        line: 1-based; 0 when the problem concerns the file as a whole.
        column: 1-based; 0 when unknown.
        what: what is wrong.
        todo: what to write instead; may be empty.
    """

    path: str
    line: int
    column: int
    what: str
    todo: str = ""

    def __str__(self) -> str:
        place = ":".join([self.path, *(str(number) for number in (self.line, self.column) if number)])
        return f"{place}: {self.what}" + (f" {self.todo}" if self.todo else "")


class SchemaFilesError(ConfigurationError):
    """Every problem of every schema file at once.

    Attributes:
        problems: sorted by path and line.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        files = len({problem.path for problem in self.problems})
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{len(self.problems)} problem(s) in {files} schema file(s):\n{listed}")
