"""Tests that take minutes: noise, floods, and a soak. `make test-endurance` runs them."""
