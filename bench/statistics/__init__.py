"""Intervals and comparisons over seeds, patients and units: pure functions, no files.

Which file answers which question:
student        how sure is a mean over seeds (the ± of every table)?
bootstrap      how sure is an accuracy over other patients, or over other patients and seeds?
proportion     how sure is a single proportion near 0 or 1?
paired         do two models differ, seed by seed?
permutation    the same without a distribution assumed, by seed or by patient
mcnemar        do two trials hit different units?
equivalence    are two means the same up to a margin ("reproduced")?
variance       does one model vary more across seeds than another?
multiplicity   what is left of p after many comparisons?
power          what difference could so few seeds have shown?
claim_power    how likely is a claim supported, with all that it compares?
"""
