"""Figures: one description of each, drawn on paper and on the page."""
