"""The version of the three packages, kept in one place."""

__version__ = "0.1.0"
