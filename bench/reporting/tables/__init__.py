"""A suite's tables as data.

Which file answers which question:
table         what are a table, a row and a cell, and how is a number printed?
build         which tables has a suite, and what stands in that of a metric?
metric_rows   what do the rows of a metric score, and what is missing?
summary       what do all metrics say of all rows?
thresholds    what would tuning on the test set have added?
trust         which maps stand sanity checks?
repeatability how alike are maps of several seeds?
controls      what is reached without looking at the image, and does any row beat it?
standing      which row is best, and which are shown to be worse?
intervals     how sure is a weighted average, or its difference between rows?
sensitivity   how much does each choice of the protocol move a model?
exposure      which rows start from what has seen their test images?
claims        how are verdicts on claims shown?
"""
