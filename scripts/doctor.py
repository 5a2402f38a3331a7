#!/usr/bin/env python
"""Thin front of `python -m dagster_pipeline doctor`, for shells and monitors that call a file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # works in a checkout that is not installed

from dagster_pipeline.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["doctor", *sys.argv[1:]]))
