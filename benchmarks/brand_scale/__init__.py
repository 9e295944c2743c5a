"""A million consumers and hundreds of brands: lived in chunks, scored by the project's own run."""
