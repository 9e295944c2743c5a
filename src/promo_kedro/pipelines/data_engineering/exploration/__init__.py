"""A first look at the data: tables for people, and their pictures."""
