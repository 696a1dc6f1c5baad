"""Tracking: a view of results for browsing, which can always be rebuilt from disk."""
