"""An object that a warehouse can read by itself: a frozen value that crosses from a source to a sink."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """One Parquet object behind HTTP(S).

    Attributes:
        url: its address, without credentials.
        key, secret: empty means the warehouse's own rights.
    """

    url: str
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
