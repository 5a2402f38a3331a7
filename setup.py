"""What pyproject.toml cannot say yet: the decoders of rows are compiled when the project is installed."""

from Cython.Build import cythonize
from setuptools import setup

setup(ext_modules=cythonize("dagster_pipeline/connectors/sources/decoding/*.pyx", language_level=3))
