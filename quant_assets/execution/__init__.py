"""How an order becomes a fill."""
