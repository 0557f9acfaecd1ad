"""The compiled engine."""

__version__: str
