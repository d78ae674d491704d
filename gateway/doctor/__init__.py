"""`esp-at-gateway doctor`: whether all is there that a gateway on this machine needs."""
