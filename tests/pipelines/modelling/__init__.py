"""Tests of the pipeline ``modelling``."""
