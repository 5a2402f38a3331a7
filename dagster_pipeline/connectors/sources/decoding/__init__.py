"""Compiled decoders: rows as a database's wire carries them, into Arrow's buffers, without a Python object per value."""
