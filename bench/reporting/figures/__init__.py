"""Figures: one description of each, drawn on paper and on the page.

Which file answers which question:
plots      what do a report's figures show?
paper      how are they drawn for papers and slides?
curves     how did trials train?
overlay    where does a heatmap point?
data_set   what is in a data set?
files      how is a figure written, in the same bytes each time?
"""
