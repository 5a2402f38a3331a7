"""What every command is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from dagster_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        name: as typed.
        summary: one line for `--help`.
        add_arguments: declares its arguments.
        run: does the work and returns the exit code; may raise `PipelineError`.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Settings], int]
