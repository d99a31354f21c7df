"""Vocabulary of markets: units, instruments, sessions, tables, errors."""
