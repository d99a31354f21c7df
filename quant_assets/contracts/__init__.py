"""Contract, week, day, bar and footprint as typed objects and as one flat table."""
