"""Point-in-time copies of warehouse tables: which moments there are, which rows belong to one, how it is put in place.

Nothing here knows Dagster; what a file may say stands in `schema`.
"""
