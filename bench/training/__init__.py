"""Training by the thesis' protocol."""
