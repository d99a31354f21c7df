"""Levels: prices that traders watch, each used only from the instant it is known."""
