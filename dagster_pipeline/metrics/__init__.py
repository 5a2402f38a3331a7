"""What monitoring reads of tables and services, as Prometheus metrics. Everything is read from Dagster's instance.

What does not belong here: judging what is wrong (`doctor/`), and telling people (`alerts/`).
"""
