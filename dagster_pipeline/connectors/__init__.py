"""Sources, sinks, and the values that flow between them."""
