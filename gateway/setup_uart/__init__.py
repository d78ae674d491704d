"""The Pi's own UART on pins 8 and 10: what a model has there, and what switches it on."""
