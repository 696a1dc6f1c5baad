"""Verbs that read what finished trials left.

Which file answers which question:
report      what do the tables, figures and galleries of a suite look like?
verify      are a suite's claims supported?
compare     on which images do two rows differ?
show        what stands behind a trial, or behind a cell of a table?
rescore     what would another protocol or annotation give?
reference   which results of others are there, and how are they added?
"""
