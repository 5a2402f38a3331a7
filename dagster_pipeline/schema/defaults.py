"""What a folder's `_defaults.yml` gives to the files below it, and where a finding about a merged file belongs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from dagster_pipeline.errors import Problem
from dagster_pipeline.schema.discovery import DEFAULTS_NAME, shown_path
from dagster_pipeline.schema.document import Document
from dagster_pipeline.schema.files import read_file
from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.resolve import merge
from dagster_pipeline.schema.shape import check_shape


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the folders above a file say: merged values, and the files they come from, nearest first."""

    tree: dict[str, Any]
    documents: tuple[Document, ...]


NO_DEFAULTS = Defaults({}, ())


def read_defaults(folder: Path, above: Defaults, model: type[BaseModel], problems: list[Problem]) -> Defaults:
    """A folder's own defaults over those above it; what is wrong in them goes to `problems`."""
    path = folder / DEFAULTS_NAME
    if not path.exists() and not path.is_symlink():
        return above
    document = read_file(path, shown_path(path))
    shape = check_shape(model, document.tree, damaged=document.damaged, partial=True)
    problems.extend(document.problems)
    problems.extend(map(document.problem, shape.findings))
    # A file states the version of its own format, so that it is understood on its own.
    tree = {key: value for key, value in shape.tree.items() if key != "version"}
    return Defaults(merge(above.tree, tree), (document, *above.documents))


def placed(document: Document, defaults: Defaults, finding: Finding) -> Problem:
    """A finding in its own file; when its key stands in a defaults file, the sentence says where."""
    if finding.key not in document.places:
        for above in defaults.documents:
            if finding.key in above.places:
                origin = f"(set in {above.path}:{above.places[finding.key].line})"
                return document.problem(replace(finding, what=f"{finding.what} {origin}"))
    return document.problem(finding)
