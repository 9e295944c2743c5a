"""Parts of the benchmark of the purchase model: runs, rows, peers, scores, goals."""
