"""Compiled decoders: rows as a database's wire carries them, into Arrow's buffers, without a Python object per value."""

from importlib.util import find_spec

from dagster_pipeline.errors import ConfigurationError

if find_spec(f"{__name__}.columns") is None:
    raise ConfigurationError(
        "The decoders of rows were not compiled.",
        todo="Run `make setup`; where there is no Makefile, `python setup.py build_ext --inplace`.",
    )
