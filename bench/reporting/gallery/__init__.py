"""The gallery: the same radiographs for every model, with heatmap, peak and boxes."""
