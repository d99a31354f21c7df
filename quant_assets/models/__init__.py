"""Labels, splits, training and prediction."""
