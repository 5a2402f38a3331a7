"""Application databases that are written row by row, under their own constraints: what they are, and how they are changed.

Not here: warehouses (`connectors/sink`), and which rows are written (`reverse_etl`, `data_migration`).
"""
