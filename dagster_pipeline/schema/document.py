"""One YAML text as plain values in which every key has its line and column.

Built on the parser's events, so that what YAML lets through can be refused here with its place: duplicate keys,
aliases, tags, a second document, deep nesting, and plain words that YAML 1.1 and 1.2 readers take for different
values (see `scalars`). What the keys mean does not belong here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from dagster_pipeline.errors import Problem
from dagster_pipeline.schema.finding import Finding, child, enclosing
from dagster_pipeline.schema.scalars import Unclear, plain_value
from dagster_pipeline.schema.yaml_errors import BYTE_ORDER_MARK, inner_mark, syntax_problem

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML built without libyaml: ten times slower, otherwise the same
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]  # both have the event interface used here

_DEEPEST = 16
TABLE_FILE_BEGINS = "`version: 1` and `columns:`"


class Place(NamedTuple):
    """Line and column in a file, both from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """A file's content.

    Attributes:
        path: the file as problems name it.
        tree: its top mapping, plain values only.
        places: where each key and each list item stands, by key path.
        problems: what this reader refused.
        damaged: key paths whose value was refused; further findings about them would be noise.
    """

    path: str
    tree: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)

    def place(self, key: str) -> Place:
        """Where a key stands: its own place, else the nearest enclosing key's, else the first line."""
        while key and key not in self.places:
            key = enclosing(key)
        return self.places.get(key, Place(1, 0))

    def problem(self, finding: Finding) -> Problem:
        """A finding with its place."""
        return Problem(self.path, *self.place(finding.key), finding.what, finding.todo)


def read_document(text: str, path: str, *, begin: str = TABLE_FILE_BEGINS) -> Document:
    """Read one file's text. Never raises for any text; `problems` says what is wrong with it.

    `begin` says how such a file begins, for one that is empty.
    """
    document = Document(path)
    if BYTE_ORDER_MARK in text[1:]:
        document.problems.append(inner_mark(text, path))
        return document
    loader: Any = None
    try:
        loader = _Loader(text)
        _Reader(loader, document, begin).read()
    except _StopReading as stop:
        document.problems.append(stop.problem)
    except yaml.YAMLError as error:
        document.problems.append(syntax_problem(error, path, text))
    finally:
        if loader is not None:
            loader.dispose()
    return document


class _StopReading(Exception):  # noqa: N818 -- control flow of this module, never seen outside
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class _Reader:
    """Turns one stream of events into one `Document`."""

    def __init__(self, loader: Any, document: Document, begin: str) -> None:
        self._next = loader.get_event
        self._begin = begin
        self._document = document

    def read(self) -> None:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise _StopReading(self._empty())
        first = self._next()
        if isinstance(first, yaml.ScalarEvent) and not first.value:
            raise _StopReading(self._empty())
        if not isinstance(first, yaml.MappingStartEvent):
            raise _StopReading(
                self._at(first, "The file must be a map of keys.", f"Begin with {self._begin}.")
            )
        self._document.tree = self._mapping(first, "", 0)
        self._next()
        second = self._next()
        if not isinstance(second, yaml.StreamEndEvent):
            raise _StopReading(
                self._at(second, "A second document begins here.", "Write one table per file; remove `---`.")
            )

    def _empty(self) -> Problem:
        return Problem(
            self._document.path,
            1,
            0,
            "The file is empty.",
            f"Begin with {self._begin}, or remove it.",
        )

    def _mapping(self, start: Any, key: str, depth: int) -> dict[str, Any]:
        self._refuse_extras(start, key, depth)
        mapping: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            path = child(key, name := self._name(event, key, depth))
            if name in mapping:
                line = self._document.places[path].line
                self._refuse(
                    event, path, f"`{name}` is written twice; first on line {line}.", "Keep one of them."
                )
                self._value(self._next(), f"{path} ", depth + 1)
                continue
            self._document.places[path] = Place(event.start_mark.line + 1, event.start_mark.column + 1)
            mapping[name] = self._value(self._next(), path, depth + 1)
        return mapping

    def _name(self, event: Any, key: str, depth: int) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            problem = self._at(event, "A key must be a word.", "Quote it when it holds one of { } [ ] * & !.")
            raise _StopReading(problem)
        path = child(key, event.value)
        self._refuse_extras(event, path, depth)
        if event.value == "<<":
            raise _StopReading(
                self._at(
                    event, "Merge keys (`<<`) are not read here.", "Put what files share into _defaults.yml."
                )
            )
        if not event.style and not isinstance(plain_value(event.value), str):
            self._refuse(
                event,
                path,
                f"The key `{event.value[:40]}` is not text to every YAML reader.",
                "Write it in quotes.",
            )
        return str(event.value)

    def _value(self, event: Any, key: str, depth: int) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, key, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, key, depth)
        if isinstance(event, yaml.AliasEvent):
            raise _StopReading(
                self._at(
                    event,
                    f"Aliases (`*{event.anchor}`) are not read here.",
                    "Write the value out, or put it into _defaults.yml.",
                )
            )
        return self._scalar(event, key, depth)

    def _sequence(self, start: Any, key: str, depth: int) -> list[Any]:
        self._refuse_extras(start, key, depth)
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            path = child(key, len(items))
            self._document.places[path] = Place(event.start_mark.line + 1, event.start_mark.column + 1)
            items.append(self._value(event, path, depth + 1))
        return items

    def _scalar(self, event: Any, key: str, depth: int) -> Any:
        self._refuse_extras(event, key, depth)
        if event.style:
            return event.value
        value = plain_value(event.value)
        if isinstance(value, Unclear):
            self._refuse(event, key, value.what, value.todo)
            return value.text
        return value

    def _refuse_extras(self, event: Any, key: str, depth: int) -> None:
        if event.anchor is not None:
            self._refuse(
                event,
                key,
                f"Anchors (`&{event.anchor}`) are not read here.",
                "Remove it; share values in _defaults.yml.",
            )
        if event.tag is not None:
            self._refuse(
                event,
                key,
                f"YAML tags (`{event.tag[:40]}`) are not read here.",
                "Remove it; quote the value for text.",
            )
        if depth > _DEEPEST:
            raise _StopReading(
                self._at(
                    event, f"Nested more than {_DEEPEST} levels deep.", "No key of a table file is that deep."
                )
            )

    def _refuse(self, event: Any, key: str, what: str, todo: str) -> None:
        self._document.damaged.add(key)
        self._document.problems.append(self._at(event, what, todo))

    def _at(self, event: Any, what: str, todo: str) -> Problem:
        mark = event.start_mark
        return Problem(self._document.path, mark.line + 1, mark.column + 1, what, todo)
