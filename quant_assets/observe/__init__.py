"""Logging with redaction, and progress."""
