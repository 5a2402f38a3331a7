"""The engine that brings one table forward: pure planning, and one loop that moves chunks.

The data's way, aloud: lock the table; ask the source what it has and the state store where we stand; plan a window and
its chunks (`plan`, pure); record the plan in the ledger; move each chunk from source to sink as one insert, committing
it only after the sink acknowledged; publish; move the cursor. A killed run leaves an open load; the next finishes it.
Read `engine` first, then `opening`, `chunk_mover` and `publishing`, in the order in which a run goes through them.

Nothing here imports Dagster or a driver.
"""
