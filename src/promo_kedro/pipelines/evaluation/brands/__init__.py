"""What the brand models are worth: per consumer, per brand, by popularity, and for privacy."""
