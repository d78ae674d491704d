"""How fast the gateway is, and how much memory it takes; `python -m benchmarks`."""
