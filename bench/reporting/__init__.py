"""Reports, computed from the results folder alone. No torch, Ray or MLflow.

Which file answers which question:
build          which files has a suite's report, and what stands on its page?
reference_report   which tables has a reference run?
all_reports    how are all suites' reports and the thesis' tables written or checked?
verdicts       is a claim supported, refuted or inconclusive?
verdicts_by_reading   what are the verdicts by two readings of the images?
pairwise       how do two rows differ, unit by unit?
power          how likely do so many seeds show a difference, or support a claim?
cell_lineage   which trials stand behind a cell?
lock, check    what was a report computed from, and is it still true?
references     what have others measured?
published      what does the thesis print?
tables/        what stands in a cell of a suite's table?
thesis/        what stands in a cell of the thesis' tables?
writers/       how does a table look as Markdown, LaTeX, CSV or HTML?
figures/       how are figures drawn?
gallery/       which images does a gallery show, and how are they drawn?
"""
