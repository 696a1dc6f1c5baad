"""Execution: what is left to do, and doing it, in process or on a Ray cluster."""
