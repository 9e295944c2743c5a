"""Brands: who is asked about, what is known of them before a snapshot, what they then bought."""
