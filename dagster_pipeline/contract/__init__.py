"""The contract of a table, three ways: its file, the source's catalog, the warehouse's catalog.

Belongs here: what is a difference between the three, at which line of the file it stands, and the text that settles it. Does
not belong here: asking a catalog (`connectors`), what a load does about a difference (`sync.drift`), Dagster.
"""
