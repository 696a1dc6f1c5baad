"""Phantoms: procedural chest radiographs with exact boxes, the embedded default data set."""
