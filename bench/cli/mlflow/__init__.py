"""Verbs for MLflow.

Which file answers which question:
ui     where is the dashboard?
sync   how is the store made again from the results folder?
"""
