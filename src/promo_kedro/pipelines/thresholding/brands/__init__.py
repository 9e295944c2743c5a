"""Audiences of brands: how many consumers each brand addresses, and which."""
