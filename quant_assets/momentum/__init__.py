"""Momentum days: how far, how clearly and on what volume a session moved."""
