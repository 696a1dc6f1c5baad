"""The version of this package, as it is installed, and where it is."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

try:
    VERSION = version("cam-bench")
except PackageNotFoundError:  # a source tree that was never installed
    VERSION = "0+unknown"

FOLDER = Path(__file__).parent
"""Of the package's source."""
