"""The stub says what the compiled module offers to Python."""

Taken = tuple[tuple[bytes | None, ...], int, bytes | None]
"""A column: its buffers as Arrow has them (validity, offsets for texts, values), how many values are NULL, and a bitmap of
those that are NULL only since they cannot be represented; `None` stands for a bitmap without news."""
