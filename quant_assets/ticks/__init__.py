"""Contracts, the roll map, and the rules that clean ticks."""
