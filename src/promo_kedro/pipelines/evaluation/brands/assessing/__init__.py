"""Audiences against what was bought: per consumer, per brand, and by popularity."""
