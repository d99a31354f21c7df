"""Bar engine, ledger and metrics."""
