"""Another ClickHouse server as a source: one query, one delivery."""
