"""Tracking: a view of results for browsing, which can always be rebuilt from disk."""

import os

from bench.suite.user_path import ensure_home

# Read by MLflow when it is imported, by whichever module of this package comes first. It logs what it raises
# as well, with a traceback; we say that in a sentence.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
ensure_home()
