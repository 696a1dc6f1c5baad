"""Tracking: a view of results for browsing, which can always be rebuilt from disk.

observer         the interface of everything that follows a run
trackers         those that a run can name, bench's own and others'
conformance      the checks that every tracker passes
mlflow           the observer that mirrors a run to MLflow
sync             the same afterwards, from the results folder
suite_runs       MLflow's runs that stand for runs of suites
trial_runs       MLflow's runs that stand for trials, below them
mlflow_store     an open store: experiments and runs, found and written in batches
database         the store below the results folder, read without MLflow: its place and content
dashboard        how the dashboard shows an experiment and describes a run
system_metrics   samples of this machine
"""

import os

from bench.suite.user_path import ensure_home


def set_environment() -> None:
    """Sets what MLflow reads when it is imported and the user has not set; has to be called before that.

    MLflow also logs each error that it raises, with a traceback; bench says it in a sentence.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    ensure_home()
