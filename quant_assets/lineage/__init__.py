"""Fingerprints and freshness: what was made from what, as functions of records."""
