"""Metrics as pure functions on arrays and tables.

Which file answers which question:
measure        what makes a metric of units, and how do units become a number?
point_accuracy, iobb_accuracy, site_recall, froc, auroc   how is each metric computed?
maxima         what is a local maximum of a heatmap, and where does it lie?
regions        what is in a box or a mask, and which pixels does it cover?
protocol       which choices has localization, and what do papers choose?
readers        what do readers score by the same rules?
controls       what does each metric give without looking at the image?
control_maps   which maps do not depend on the image?
units          which columns has the table of a map's units, and which metrics has each table?
"""
