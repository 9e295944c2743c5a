"""Which offer, at what depth, to give each consumer for each item."""

__version__ = "0.1.0"
