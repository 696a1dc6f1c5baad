"""Phantoms: procedural chest radiographs with exact boxes, the embedded default data set.

source         how do phantoms become a data set?
populations    which findings are there, how common, and which never together?
render         how is one phantom drawn?
anatomy        what does a healthy patient look like?
lesions        what does each finding look like?
drawing        what is everything drawn with?
"""
