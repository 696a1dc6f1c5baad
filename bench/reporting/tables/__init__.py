"""A suite's tables as data."""
