"""Verbs that train, or say what is left to train.

Which file answers which question:
plan     which trials does a suite have, what do the rest take, and what can its seeds show?
run      how is a suite run, with which options?
status   what runs now, what ended last, and what failed why?
probe    how fast do a suite's models train here?
replay   does a trial's training give the recorded losses again?
"""
