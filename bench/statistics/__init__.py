"""Intervals and comparisons over seeds, patients and units: pure functions, no files.

Which file answers which question:
student        how sure is a mean over seeds (the ± of every table)?
spread         how far may an estimate lie from the truth, as interval and as p?
bootstrap      how sure is an accuracy over other patients, or over other patients and seeds?
interval       what was an interval taken over, and how sure is a proportion near 0 or 1?
unit_scores    what does a model score unit by unit, and with other patients?
scores         what does a row score in a column, with its intervals and tests?
readers        what do several readers score, for other readers and patients?
paired         do two models differ, seed by seed, or with signs flipped by seed or patient?
mcnemar        do two trials hit different units?
equivalence    are two means the same up to a margin ("reproduced")?
variance       does one model vary more across seeds than another?
multiplicity   what is left of p after many comparisons?
power          what difference could so few seeds have shown?
claim_power    how likely is a claim supported, with all that it compares?
"""
