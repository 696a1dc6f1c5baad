"""Galleries: the same radiographs for every model.

Which file answers which question:
content   which images are shown, with which heatmaps?
drawing   how do page and figures look?
"""
