"""The YAML parser's own errors in words that help whoever wrote the file."""

from __future__ import annotations

import yaml

from dagster_pipeline.errors import Problem

_CURES = {
    "mapping values are not allowed": "Put text with a colon in quotes, and indent keys of one level alike.",
    "could not find expected ':'": "A key needs a colon and a space after it.",
    "unexpected end of stream": "A quote that is opened here is never closed.",
    "expected ',' or '}'": "Close the brace, separate keys by commas, and quote text that holds either.",
    "expected ',' or ']'": "Close the bracket, separate items by commas, and quote text that holds either.",
    "did not find expected key": "Check the quotes and the indentation of this line and the one before.",
    "expected '-' indicator": "Indent all items of a list alike, and do not mix them with keys.",
    "unknown escape character": "Use single quotes, in which a backslash is just a backslash.",
    "sequence entries are not allowed": "Begin a list on its own line, or write it as [a, b].",
    "did not find expected <document start>": "Check the indentation: keys of the top level begin in the first column.",
}
BYTE_ORDER_MARK = "\ufeff"
_WHERE_IT_BEGAN = (
    "unexpected end of stream",
    "could not find expected ':'",
    "expected ',' or '}'",
    "expected ',' or ']'",
)


def syntax_problem(error: yaml.YAMLError, path: str, text: str) -> Problem:
    """Where the text is no YAML, and what to do about it."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem is None:
        return _character_problem(error, path, text)
    reason = error.problem
    began = any(words in reason for words in _WHERE_IT_BEGAN)
    mark = (error.context_mark if began else None) or error.problem_mark
    line, column = (0, 0) if mark is None else (mark.line + 1, mark.column + 1)
    if "cannot start any token" in reason:
        return _token_problem(path, line, column, text)
    cure = next(
        (cure for words, cure in _CURES.items() if words in reason), "Check quotes, brackets and indentation."
    )
    return Problem(path, line, column, f"This is not valid YAML: {reason}.", cure)


def _token_problem(path: str, line: int, column: int, text: str) -> Problem:
    character = (text.splitlines()[line - 1 : line] or [""])[0][column - 1 : column]
    if character == "\t":
        return Problem(path, line, column, "A tab stands where YAML wants spaces.", "Indent by spaces only.")
    return Problem(
        path, line, column, f"A value cannot begin with {character!r}.", "Put the value in quotes."
    )


def _character_problem(error: yaml.YAMLError, path: str, text: str) -> Problem:
    position = getattr(error, "position", None)
    line = text.encode()[:position].count(b"\n") + 1 if isinstance(position, int) else 0
    return Problem(
        path,
        line,
        0,
        "The text holds a control character.",
        "Remove it, or write it as \\x.. within double quotes.",
    )


def inner_mark(text: str, path: str) -> Problem:
    """A byte order mark that does not begin the text: readers disagree on what it means there."""
    before = text[: text.index(BYTE_ORDER_MARK, 1)].split("\n")
    return Problem(
        path,
        len(before),
        len(before[-1]) + 1,
        "An invisible byte order mark (U+FEFF) stands within the text.",
        "Remove it, or write it as \\ufeff within double quotes.",
    )
