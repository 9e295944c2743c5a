"""What people see of the brand experiment: plots, and one page that tells it."""
