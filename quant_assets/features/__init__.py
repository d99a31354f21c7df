"""The catalogue of features, and the one rule by which they are computed."""
