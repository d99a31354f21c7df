"""First passage: the first bar at which a price reaches a level."""
