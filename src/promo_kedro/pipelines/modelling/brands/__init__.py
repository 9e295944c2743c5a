"""The brand model: which brands a consumer takes to in the coming period."""
