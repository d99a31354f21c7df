"""Pictures and pages from figures."""
