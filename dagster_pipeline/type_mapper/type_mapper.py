"""The type mapper's front: from a table file to how each of its columns travels. The rules stand in `mysql` and `postgres`."""

from __future__ import annotations
