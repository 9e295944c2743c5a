"""Panel and clean tables → what was known of every cell before its step."""
