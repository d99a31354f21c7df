"""Trial identity and the statistics of overfitting."""
