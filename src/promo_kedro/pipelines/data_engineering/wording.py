"""Counts in messages, as people write them."""


def counted(n: int, noun: str) -> str:
    """Return a count with its noun: 1 row, 2,000 rows."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
