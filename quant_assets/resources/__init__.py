"""Handles that assets are given."""
