"""The version of skae, which is written here only."""

__version__ = "0.1.0"
