"""Real database servers for the demo and the tests: found, started and ended here. No test data, no pipeline code."""
