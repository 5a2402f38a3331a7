"""What `dagster.yaml` asks for: which variables it names, where Dagster keeps its records and its logs.

Read as plain YAML, without Dagster, which would end at the first missing variable with a page of text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dagster_pipeline.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class InstanceFile:
    """One file.

    Attributes:
        path: the file.
        document: what stands in it.
    """

    path: Path
    document: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> InstanceFile:
        """Raises `ConfigurationError` when there is no such file, or it is no YAML mapping."""
        try:
            document = yaml.safe_load(path.read_text())
        except FileNotFoundError as error:
            raise ConfigurationError(
                f"There is no {path}.", todo="Set DAGSTER_HOME to the directory that holds it."
            ) from error
        except (OSError, yaml.YAMLError) as error:
            raise ConfigurationError(
                f"{path} cannot be read: {' '.join(str(error).split())}", todo="Correct it."
            ) from error
        if not isinstance(document, dict):
            raise ConfigurationError(f"{path} is no mapping.", todo="See dagster_home/ of this project.")
        return cls(path, document)

    def demand_variables(self, variables: Mapping[str, str]) -> None:
        """Raise `ConfigurationError` with every variable that the file names and nobody set."""
        missing = sorted({name for name in _named(self.document) if not variables.get(name)})
        if missing:
            raise ConfigurationError(
                f"{self.path} names {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not set.",
                todo=".env.example says what belongs there. A secret may come from a file: "
                "set its name with _FILE at the end.",
            )

    def resolved(self, *keys: str, variables: Mapping[str, str]) -> Mapping[str, Any] | None:
        """A part of the file with variables put in, `None` when it has no such part."""
        part: Any = self.document
        for key in keys:
            part = part.get(key) if isinstance(part, dict) else None
        if not isinstance(part, dict):
            return None
        return {
            key: variables.get(str(value["env"]), "") if _is_reference(value) else value
            for key, value in part.items()
        }

    def variables_of(self, *keys: str) -> tuple[str, ...]:
        """Names of the variables that a part of the file takes, in its order."""
        part: Any = self.document
        for key in keys:
            part = part.get(key) if isinstance(part, dict) else None
        return tuple(_named(part))


def _is_reference(node: Any) -> bool:
    return isinstance(node, dict) and set(node) == {"env"}


def _named(node: Any) -> Iterator[str]:
    if _is_reference(node):
        yield str(node["env"])
    elif isinstance(node, dict):
        for value in node.values():
            yield from _named(value)
    elif isinstance(node, list):
        for value in node:
            yield from _named(value)
