"""One folder per kind of asset; each is a thin module that calls factories and returns a `Bundle`."""
