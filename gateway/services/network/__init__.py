"""Wi-Fi and Ethernet, simulated or the host's own."""
