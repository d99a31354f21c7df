"""Dagster's face of the graph."""
