"""Who is told what, and when: from what runs did to messages that name the table, the cause and the next step.

Everything is decided by pure functions over frozen values; `alert_manager` keeps them in the state store. Dagster stands
only in `sensors` and `dagster_runs`, which read what happened and hand it over.
"""
