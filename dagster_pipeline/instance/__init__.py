"""Dagster's own services as this project runs them: classes that `dagster.production.yaml` names, and the checks that
stand before a service starts. Knows nothing of tables."""
