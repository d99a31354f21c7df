"""Readers of vendors' formats."""
