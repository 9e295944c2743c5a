"""Seeds derived from the one seed, by name."""

import hashlib


def seed_for(seed: int, *names: str) -> int:
    """Return a seed of its own for each name, the same on every machine."""
    text = "/".join([str(seed), *names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])
