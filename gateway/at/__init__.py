"""The AT language: bytes to events, lines to calls, results to bytes. Pure, no I/O."""
