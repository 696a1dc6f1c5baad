"""Everything that runs leave on a disk: the only reader and writer of the results folder.

Which file answers which question:
store          where does a trial stand, and where are its files?
record         what is recorded of a trial, its epochs and its maps?
stored         how are JSON files kept, so that other versions can read them?
units          how are tables and maps of units, boxes, logits, maxima and losses kept?
stored_maps    which maps can be scored again?
grid_results   what have the trials of a grid come to, as tables?
provenance     where and with what was a trial run?
differences    which recorded facts differ among results that stand together?
changed_sources   which trials were made by another source of a plug-in?
failures       what failed, and why?
lease          which driver has a trial?
invocation     which runs of a suite were there, and how did they end?
references     what did others report?
predictions    what does a model say of single images?
model_sizes    how large are models, without torch?
files          how are files written whole, and locked?
"""
