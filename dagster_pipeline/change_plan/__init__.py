"""What a change of table files will do before it is merged: to the warehouse's tables, to their rows, to who reads them.

`gather` asks warehouse, sources and state store, once; `catalog` is what they answered, which may be saved to a file; the
rest is pure and works from it. Nothing here changes anything.
"""
