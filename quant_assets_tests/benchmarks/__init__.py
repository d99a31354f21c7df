"""Benchmarks: equal results first, then both sides and their ratio within one run."""
