"""Reads one file of the tree into a `Document`, whatever the file turns out to be."""

from __future__ import annotations

import stat
from pathlib import Path

from dagster_pipeline.errors import Problem
from dagster_pipeline.schema.document import TABLE_FILE_BEGINS, Document, read_document

_LARGEST = 1_000_000


def read_file(path: Path, shown: str, *, begin: str = TABLE_FILE_BEGINS) -> Document:
    """A file's content; one that cannot be read is a document with a problem and an empty tree.

    `begin` says how such a file begins, for one that is empty.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return _refused(shown, "This is not a regular file.", "Replace it by one.")
        if status.st_size > _LARGEST:
            what = f"The file has {status.st_size:,} bytes; at most {_LARGEST:,} are read."
            return _refused(shown, what, "A table file describes a table; data does not belong into it.")
        content = path.read_bytes()
    except OSError as error:
        return _refused(shown, f"The file cannot be read: {error.strerror}.", "Mend it, or remove it.")
    try:
        return read_document(content.decode("utf-8-sig"), shown, begin=begin)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem(shown, line, 0, "The file is not UTF-8 text.", "Save it as UTF-8.")
        return Document(shown, problems=[problem])


def _refused(shown: str, what: str, todo: str) -> Document:
    return Document(shown, problems=[Problem(shown, 0, 0, what, todo)])
