"""Seeded synthetic markets as arrays."""
