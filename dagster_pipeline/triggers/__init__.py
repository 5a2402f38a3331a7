"""What starts a load when it appears: what is there now, and which of it is new.

Nothing here knows Dagster; what a file may say stands in `schema`, the sensors in `factories/table_triggers.py`.
"""
