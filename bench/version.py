"""The version and the folder of this package, as it is installed."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

try:
    VERSION = version("cam-bench")
except PackageNotFoundError:  # a source tree that was never installed
    VERSION = "0+unknown"

FOLDER = Path(__file__).parent
"""The folder of the package's source."""
