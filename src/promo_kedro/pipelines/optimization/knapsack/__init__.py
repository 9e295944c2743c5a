"""The multiple-choice knapsack behind Eq. 13: options, rows, prices, and the route to a plan."""
