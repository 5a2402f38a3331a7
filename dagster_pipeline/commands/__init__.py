"""One module per command of `python -m dagster_pipeline`. A command parses its own arguments and calls library code."""
