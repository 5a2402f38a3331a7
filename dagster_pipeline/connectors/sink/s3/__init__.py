"""Exports as Parquet objects of a bucket, which a manifest makes visible all at once."""
