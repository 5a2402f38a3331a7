"""`make demo` and `make dev`: the pipeline at work on real servers with sample data."""
