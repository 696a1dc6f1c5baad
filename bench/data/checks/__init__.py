"""Checks and counts of a data set, before anything is trained on it.

integrity        is anything wrong with it?
manifest         what do its image files hold, and what is the digest of all?
near_duplicates  is one radiograph in two parts as different files?
statistics       how many images, patients and boxes has it, and how many should it have?
"""
