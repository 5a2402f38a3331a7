"""The ClickHouse sink: a server, or the embedded engine."""
