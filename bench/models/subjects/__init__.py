"""Classifiers that were trained elsewhere, as models of bench.

networks     builds a library's classifier, or calls a function, and fills it with the weights of a file
map_layers   finds the layer whose map of features a classifier's head reads
contract     bench's images to those that the classifier was trained on, and what it was given
model        encoder and head around it, and its classes brought to a data set's findings
"""

from bench.models.subjects.model import SubjectModel, build_subject

__all__ = ["SubjectModel", "build_subject"]
