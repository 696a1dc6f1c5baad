"""Metrics as pure functions on arrays and tables.

Which file answers which question:
measure        what makes a metric of units, and how do units become a number?
conformance    does a metric do what bench needs?
point_accuracy, iobb_accuracy, iou_accuracy, energy, relevance_rank, max_box_acc, max_box_acc_v2, box_miou,
miou, dice, pxap, touching_area, covering_area, site_recall, froc, auroc   how is each metric computed?
sanity         what do sanity checks make of maps and probabilities?
levels         what of a map lies above each threshold?
thresholds     where is a threshold from, and what does a metric give at it?
conformal      how much of an image touches or covers a region in 90% of cases?
folds          how are patients dealt, so that nothing is scored on those that it was fitted to?
maxima         what is a local maximum of a heatmap, and where does it lie?
regions        what is in a box or a mask, and which pixels does it cover?
protocol       which choices has localization, and what do papers choose?
readers        what do readers score by the same rules?
controls       what does each metric give without looking at the image?
control_maps   which maps do not depend on the image?
units          which columns has the table of a map's units, and which metrics has each table?
"""
