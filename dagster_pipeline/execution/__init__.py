"""How a run's steps are executed. The one room that touches Dagster's internals; it knows nothing of tables."""
