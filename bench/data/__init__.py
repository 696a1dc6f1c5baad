"""Data sets: images as uint8 arrays, image labels, boxes, splits; augmentation and feeding.

Which file answers which question:
dataset        what is a loaded data set, and where are data sets found?
loading        how does a suite's data set become arrays?
plugins        how is a reader from outside of bench called, and what may it return?
conformance    does a data set do what bench needs?
augment        how are training images augmented?
philox         how are random numbers of many images drawn at once?
feeding        how do batches reach the device?
prefetch       what is made ahead by a thread?
sources/       what does a download say: tables, names, splits, boxes, files?
checks/        is a data set as it should be, and what does it hold?
images/        how do image files become cached gray arrays?
phantom/       how are phantoms drawn?
"""
