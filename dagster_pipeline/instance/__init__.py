"""Dagster's own services as this project runs them.

Belongs here: the classes that `dagster.production.yaml` names, the checks that stand before a service starts, and the set-up
of its database. Knows nothing of tables.
"""
