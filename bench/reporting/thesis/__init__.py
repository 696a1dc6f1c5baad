"""The nine tables of the thesis, from whatever trials exist, beside the published numbers.

Which file answers which question:
layout     which value does a cell show?
tables     which rows and columns have Tables 5.1 to 6.2?
datasets   what stands in Table 2.1?
measured   which values have our trials for a cell, or why none?
cells      how is a value printed, and is it reproduced?
forms      how do the three forms of a table look?
report     which files has the report?
"""
