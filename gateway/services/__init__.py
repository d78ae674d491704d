"""What the commands need of the host: links, TLS, network, clock, settings. Knows no AT."""
