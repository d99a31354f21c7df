"""Strategies: from predictions to wanted positions."""
