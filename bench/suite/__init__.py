"""Suites: what was asked for, as frozen data, expanded to trials with stable ids. No torch, no Ray."""
