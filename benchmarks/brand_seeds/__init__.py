"""The brand experiment on simulated retailers of several seeds, and whether its goals are met."""
