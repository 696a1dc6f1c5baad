"""The time that a suite still takes on this machine, from measurements made here and nothing else.

Which file answers which question:
graph           how does each trial stand, and which does it start from?
cost            how long do the trials that are left take, and how many images has a data set?
checks          which sanity checks are left, and how long do they take?
map_cost        what do the maps beside the native one take?
speed           how fast have trials like this one trained here, or in a probe?
machine         what is here to run on, and how many trials fit at once?
installed_gpus  which GPUs are here, and which of them does CUDA show?
order           which trial is started first?
probing         how fast does a model train, in a few steps on random pixels?
"""
