"""Data sets as their downloads have them: tables, names, boxes and where the images are."""
