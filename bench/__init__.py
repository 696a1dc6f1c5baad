"""`bench`: does a classifier's class activation map point at the disease?

A suite (YAML) expands to trials; each trial is trained and scored by a plain function; what happened is
written to results/, mirrored to MLflow, and reports are computed from results/ alone.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("cam-bench")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
