"""The settings' model; loading them from files is storage's."""
