"""Suites: settings in YAML, checked and expanded to trials with stable ids. No torch, no Ray.

How is a suite found by name?   find
How is a suite read?            load (files), document (YAML and places), validate (mistakes)
Which keys does it have?        schema, dataset_specs, claims
Which trials does it make?      grid, trial, identity (ids)
Which have seen test images?    exposure
Which trials do claims compare? comparisons
What can it name?               catalog (models), encoders, cam (maps), metrics, findings, violation
Which code is not bench's own?  plugins (declarations), plugin_source (files and their digest)
How is users' text read?        text_table (CSV), keys (names), user_path
"""
