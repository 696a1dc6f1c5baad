"""What a suite still takes on this machine, from what was measured here and from nothing else.

Which file answers which question:
graph     how does each trial stand, and which does it start from?
cost      how long do the trials that are left take?
speed     how fast have trials like this one trained here, or in a probe?
images    how many images does a data set have, before it is read?
machine   what is here to run on, and how many trials fit at once?
order     which trial is started first?
probing   how fast does a model train, in a few steps on random pixels?
"""
