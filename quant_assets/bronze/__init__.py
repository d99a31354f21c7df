"""The possibility engine: every (stop, target) pair that would have won."""
